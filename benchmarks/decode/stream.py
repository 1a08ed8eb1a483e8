"""Program: how late the words of a stream come, and what each part of it costs.

Every utterance is a stream of its own, given in parts as a microphone would give it. How late a
word comes is counted in audio: from its end, by the final result's times, to the end of the part
after which a partial result first had it. What a part costs is the time that its computing takes.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.data.audio import read_samples
from pipeline.decode.recogniser import Recogniser
from pipeline.decode.stream import FinalResult, PartialResult, StreamingRecogniser
from pipeline.io.atomic import write_json
from pipeline.io.errors import run
from pipeline.io.json_lines import read_json_lines
from pipeline.score.wer import align_words, count_errors, total

PERCENTILES = (50, 90, 99, 100)


class Heard(NamedTuple):
    """One stream."""

    words: list[str]
    late: list[float]  # s of audio, of each word that was shown before its utterance ended
    wall: list[float]  # s of each part
    cpu: list[float]


def follow(model: StreamingRecogniser, samples: NDArray[np.float32], chunk: float) -> Heard:
    """Give a stream part by part."""
    rate = model.recogniser.sampling_rate
    size = round(chunk * rate)
    stream = model.open(rate)
    heard = Heard([], [], [], [])
    shown: list[tuple[float, tuple[str, ...]]] = []  # partial results of the running utterance
    for start in range(0, len(samples) + size, size):
        last = start >= len(samples)
        wall, cpu = time.perf_counter(), time.process_time()
        results = stream.push(samples[start : start + size], last)
        heard.wall.append(time.perf_counter() - wall)
        heard.cpu.append(time.process_time() - cpu)
        for result in results:
            if isinstance(result, PartialResult):
                shown.append((min(start + size, len(samples)) / rate, result.words))
            elif isinstance(result, FinalResult):
                heard.words.extend(word.word for word in result.words)
                names = tuple(word.word for word in result.words)
                for n, word in enumerate(result.words, 1):
                    times = [given for given, words in shown if words[:n] == names[:n]]
                    heard.late.extend(given - word.end for given in times[:1])
                shown = []
    return heard


def offline(recogniser: Recogniser, samples: NDArray[np.float32]) -> list[str]:
    """The words of the whole, normalised by its own statistics."""
    frames = recogniser.extract(samples)
    return [w.word for w in recogniser.recognise(frames, recogniser.statistics(frames))]


def row(name: str, values: Sequence[float]) -> str:
    """A line of a table: percentiles in ms."""
    cells = (f"{1000 * value:.1f}" for value in np.percentile(values, PERCENTILES))
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Follow the streams; print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of hybrid pack")
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of a test set")
    parser.add_argument("--chunk", type=float, default=0.1, help="s of audio given at a time")
    parser.add_argument("--every", type=int, default=1, help="only each so-manyth utterance")
    parser.add_argument("--output", type=Path, required=True, help="JSON file of the figures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    model = StreamingRecogniser(Recogniser.open(args.model))
    model.warm_up()
    heard, errors, offline_errors, seconds = [], [], [], 0.0
    for cut in list(read_json_lines(args.cuts))[:: args.every]:
        source = Path(cut["recording"]["sources"][0]["source"])
        rate = model.recogniser.sampling_rate
        samples = read_samples(source, rate)
        seconds += len(samples) / rate
        heard.append(follow(model, samples, args.chunk))
        said = cut["supervisions"][0]["text"].split()
        errors.append(count_errors(align_words(said, heard[-1].words)))
        offline_errors.append(count_errors(align_words(said, offline(model.recogniser, samples))))
    late = [value for one in heard for value in one.late]
    figures = {
        "chunk_s": args.chunk,
        "algorithmic_latency_s": args.chunk + model.latency,
        "utterances": len(heard),
        "audio_s": seconds,
        "load_average": load,
        "late_s": np.percentile(late, PERCENTILES).tolist(),
        # Of all words; a word that no partial result had is not within.
        "within_300_ms": sum(value <= 0.3 for value in late) / sum(len(h.words) for h in heard),
        "wall_s": np.percentile([v for one in heard for v in one.wall], PERCENTILES).tolist(),
        "cpu_s": np.percentile([v for one in heard for v in one.cpu], PERCENTILES).tolist(),
        "rtf_cpu": sum(sum(one.cpu) for one in heard) / seconds,
        "wer": total(errors).wer,
        "wer_offline": total(offline_errors).wer,
    }
    write_json(args.output, figures)
    print(f"{len(heard)} utterances, {seconds:.0f} s; load average {load:.1f} at the start")
    print(f"chunk + look-ahead + window: {1000 * figures['algorithmic_latency_s']:.0f} ms\n")
    print("| ms | median | 90 % | 99 % | most |\n| --- | --- | --- | --- | --- |")
    print(row("a word after its end", late))
    print(row("computing a part, wall", [v for one in heard for v in one.wall]))
    print(row("computing a part, CPU", [v for one in heard for v in one.cpu]))
    print(
        f"\nRTF (CPU) {figures['rtf_cpu']:.3f}; words within 300 ms: {figures['within_300_ms']:.1%}"
    )
    print(f"WER as a stream {figures['wer']:.2f} %, offline {figures['wer_offline']:.2f} %")


if __name__ == "__main__":
    run(main)
