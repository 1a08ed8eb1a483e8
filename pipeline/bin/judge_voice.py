"""Program: a voice and a recogniser -> what it says, as wav files, and how much is understood."""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipeline.config import DecodeOptions, MfccOptions, SynthesisOptions
from pipeline.data.audio import BadAudio
from pipeline.decode.model_directory import export_model
from pipeline.decode.recogniser import Recogniser
from pipeline.io.atomic import write_bytes, write_json
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options
from pipeline.synthesis.judge import Said, prompts, understood
from pipeline.synthesis.spoken import Recording, read_recordings
from pipeline.synthesis.vocoder import Vocoder
from pipeline.synthesis.voice import Voice


def main(arguments: list[str] | None = None) -> None:
    """Speak, listen, write results.json and the wav files."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.judge_voice", description=__doc__)
    parser.add_argument("--voice-dir", type=Path, required=True, help="output of train_voice")
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the test set")
    parser.add_argument("--model-dir", type=Path, required=True, help="rung that recognises")
    parser.add_argument("--lang", type=Path, required=True, help="folder of the lang")
    parser.add_argument("--graph", type=Path, required=True, help="its HCLG.fst")
    parser.add_argument("--mfcc", required=True, help="MfccOptions as JSON")
    parser.add_argument("--decode", default="{}", help="DecodeOptions as JSON")
    parser.add_argument("--options", required=True, help="SynthesisOptions as JSON")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    options = parse_options(SynthesisOptions, args.options, "--options")
    mfcc = parse_options(MfccOptions, args.mfcc, "--mfcc")
    decode = parse_options(DecodeOptions, args.decode, "--decode")
    if options.judge is None:
        raise UserError("--options: no section judge")
    voice = Voice.load(args.voice_dir)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model")
        export_model(args.model_dir, args.lang, args.graph, mfcc, decode, model)
        recogniser = Recogniser.open(model)
    natural, copies = _recorded(args.cuts, options, voice.description.vocoder)
    sets = {"natural": natural, "copy_synthesis": copies}
    words = sorted({word for said in natural for word in said.words})
    chosen = prompts(words, options.speakers, options.judge, args.seed)
    for name, lines in chosen.items():
        sets[name] = [Said(who, said, voice.speak(said, who, rate)) for who, said, rate in lines]
        for (who, said, rate), spoken in zip(lines, sets[name], strict=True):
            file = args.output_dir / "wav" / name / f"{who}-{'-'.join(said)}-{rate:g}.wav"
            _write_wav(file, spoken.samples, mfcc.sampling_rate)
    results = {name: understood(said, recogniser, args.seed) for name, said in sets.items()}
    write_json(args.output_dir / "results.json", {"format": 1, "sets": results})
    for name, result in results.items():
        print(
            f"{name}: WER {result['wer']:.2f} %, {result['errors']} errors in {result['words']} "
            f"words of {result['utterances']} utterances",
            file=sys.stderr,
        )


def _recorded(
    cuts: Path, options: SynthesisOptions, vocoder: Vocoder
) -> tuple[list[Said], list[Said]]:
    """The speakers' own test recordings, and the same analysed and made again by the vocoder."""
    natural: list[Said] = []
    copies: list[Said] = []
    for recording in read_recordings(cuts, options.speakers):
        samples = _samples(recording, vocoder.sampling_rate)
        again = vocoder.synthesise(vocoder.analyse(samples))
        for said, wave in ((natural, samples), (copies, again)):
            said.append(Said(recording.speaker, recording.words, wave))
    return natural, copies


def _samples(recording: Recording, sampling_rate: int) -> NDArray[np.float32]:
    try:
        return recording.samples(sampling_rate)
    except BadAudio as bad:
        raise UserError(f"{recording.path}: {recording.utterance_id}: {bad}") from None


def _write_wav(path: Path, samples: NDArray[np.float32], sampling_rate: int) -> None:
    sound = io.BytesIO()
    soundfile.write(sound, samples, sampling_rate, format="WAV", subtype="PCM_16")
    write_bytes(path, sound.getvalue())


if __name__ == "__main__":
    run(main)
