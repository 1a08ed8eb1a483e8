"""Program: a step that a training saved in culprits/ -> loss and gradient of each utterance."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import torch

from pipeline.io.errors import run
from pipeline.nnet.culprits import Replay, SavedStep, load_step, replay_step


def main(arguments: list[str] | None = None) -> None:
    """Replay a folder culprits/step_... and print its utterances, the worst first."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.replay_step", description=__doc__)
    parser.add_argument("folder", type=Path, help="culprits/step_... of a network")
    parser.add_argument("--num-utterances", type=int, default=20, help="how many are printed")
    args = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    torch.set_num_threads(1)  # as most trainings: the same sums, so the same numbers
    step = load_step(args.folder)
    print("\n".join(report(step, replay_step(step), args.num_utterances)))


def report(step: SavedStep, replay: Replay, num_utterances: int) -> list[str]:
    """Lines of text: what the training saw, what the replay gives, a table of utterances."""
    about = step.about
    logged = (about["loss"], about["norm"])
    loss, norm = ("not finite" if value is None else f"{value:.6g}" for value in logged)
    worst = replay.utterances[0]
    layers = list(replay.norm_by_layer)
    lines = [
        f"step {about['step']}, epoch {about['epoch']}: {about['reason']}",
        f"training: loss {loss}, gradient norm {norm}, layer {about['layer']}",
        f"replay:   loss {replay.loss:.6g}, gradient norm {replay.norm:.6g}",
        f"suspect:  {worst.utterance_id}, loss {worst.loss:.6g}, gradient norm {worst.norm:.6g}",
        "",
    ]
    width = max(9, *(len(utterance.utterance_id) for utterance in replay.utterances))
    lines.append(f"{'utterance':{width}} frames       loss  gradient {' '.join(layers)}")
    for utterance in replay.utterances[:num_utterances]:
        norms = " ".join(f"{utterance.norm_by_layer[layer]:{len(layer)}.3g}" for layer in layers)
        lines.append(
            f"{utterance.utterance_id:{width}} {utterance.frames:6d} {utterance.loss:10.4g} "
            f"{utterance.norm:9.3g} {norms}"
        )
    more = len(replay.utterances) - num_utterances
    if more > 0:
        lines.append(f"and {more} more")
    return lines


if __name__ == "__main__":
    run(main)
