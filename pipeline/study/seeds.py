"""A recipe's networks trained again with other seeds, from one run's features and alignments."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from pipeline.config import Config, NnetOptions
from pipeline.decode.inputs import SearchGraph
from pipeline.features.feature_set import load_feature_set
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.compression.make import ingredients
from pipeline.nnet.forward import forward
from pipeline.nnet.int8 import quantize
from pipeline.nnet.model_files import HybridModel, load_model, save_model
from pipeline.nnet.precision import choose_device
from pipeline.nnet.targets import log_priors, make_training_set
from pipeline.nnet.train import train
from pipeline.report.provenance import machine
from pipeline.study.inputs import Inputs
from pipeline.study.run import decode

Result = dict[str, Any]


def read_inputs(config: Config, split: str) -> Inputs:
    """Sets and graphs of a split of a run, perturbed copies of the features included.

    Raises:
        UserError: the run has not come so far, or a network needs what one run does not give.
    """
    for name, options in config.nnet.items():
        if options.features != "cepstra" or options.augment.perturbs_audio or options.sequence:
            raise UserError(
                f"nnet.{name}: seeds are for networks on cepstra, without perturbed audio and "
                "sequence training; use `hybrid run --set seed=N --set output=FOLDER`"
            )
    (rung, *others) = {config.rung_of(name) for name in config.nnet}
    if others or any(net.alignment not in config.gmm for net in config.nnet.values()):
        raise UserError("nnet: seeds are for networks that learn one GMM rung's alignment")
    folder, root = Path(config.root, split), Path(config.root)
    if not (folder / rung / "alignment/transition_ids.scp").is_file():
        first = f"snakemake --cores all seed_inputs --config recipe={config.recipe}"
        raise UserError(f"{folder}: no alignment; `{first}` first")
    (norm_vars, *others_too) = {net.model.norm_vars for net in config.nnet.values()}
    if others_too:
        raise UserError("nnet: seeds are for networks with the same model.norm_vars")
    sets = [
        load_feature_set(
            folder / "data" / name / "cuts.jsonl.gz",
            folder / "data" / name / "cmvn.ark",
            norm_vars,
        )
        for name in ("train", "test")
    ]
    hmm = Hmm.load(folder / rung / "hmm.json")
    training = make_training_set(
        sets[0], folder / rung / "alignment/transition_ids.scp", hmm.transitions
    )
    graphs = {
        grammar: SearchGraph.read(
            folder / "graph" / rung / grammar / "HCLG.fst", root / "lang/words.txt"
        )
        for grammar in config.searched_grammars
    }
    return Inputs(training, hmm.num_pdfs, sets[1], graphs)


def make_network(
    options: NnetOptions, inputs: Inputs, seed: int, folder: Path, source: Path | None
) -> HybridModel:
    """Train, or round to int8, into `folder`; what lies there already is read."""
    if (folder / "model.json").is_file():
        return load_model(folder)
    if options.quantize is not None and not options.quantize.aware and source is not None:
        model = load_model(source)
        quantize(model.network)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(folder, model, {"seed": seed})
    elif source is None:
        train(inputs.training, inputs.num_pdfs, options, seed, folder)
    else:
        priors = torch.tensor(log_priors(inputs.training.pdfs, inputs.num_pdfs)).float()
        made = ingredients(options, load_model(source), inputs.training.features.dim, priors)
        train(
            *(inputs.training, inputs.num_pdfs, options, seed, folder),
            start=made.start,
            criterion=made.criterion,
            constraint=made.constraint,
        )
    return load_model(folder)


def run_network(
    config: Config, split: str, name: str, seed: int, inputs: Inputs, models: Path
) -> Result:
    """Make one network with one seed, its source first, decode and say what it cost.

    Args:
        models: networks lie below it, in SPLIT/SEED/NETWORK.
    """
    options = config.nnet[name]
    folder = models / split / str(seed) / name
    source = None
    if options.transfer is not None:
        source = Path(options.transfer.model_dir)
    elif options.source is not None:
        source = folder.parent / options.source
        if not (source / "model.json").is_file():
            run_network(config, split, options.source, seed, inputs, models)
    wall, cpu = time.monotonic(), time.process_time()
    model = make_network(options, inputs, seed, folder, source)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    began = time.process_time()
    for _ in forward(model, inputs.test):
        pass
    forward_seconds = time.process_time() - began
    log = folder / "log.jsonl"
    epochs = list(read_json_lines(log)) if log.is_file() else []
    return {
        "split": split,
        "seed": seed,
        "network": name,
        "wer": decode(inputs, model),
        "parameters": model.network.num_parameters,
        "bytes": (folder / "model.safetensors").stat().st_size,
        "train_seconds": round(wall, 2),
        "train_cpu_seconds": round(cpu, 2),
        "forward_seconds": round(forward_seconds, 3),  # of the test set, on one core
        "frames": inputs.test.num_frames,
        "machine": machine_name(options.training.device),
        "clipping_rate": epochs[-1]["clipping_rate"] if epochs else None,
        "held_out_loss": epochs[-1]["held_out_loss"] if epochs else None,
        "frame_accuracy": epochs[-1]["frame_accuracy"] if epochs else None,
    }


def machine_name(device: str) -> str:
    """The processor, behind it the GPU where `device` (`training.device`) means one."""
    is_gpu = choose_device(device).type == "cuda"
    return str(machine()["processor"]) + (f" with {torch.cuda.get_device_name()}" if is_gpu else "")


def done(results: Iterable[Result]) -> set[tuple[str, int, str]]:
    """Split, seed and network of stored results."""
    return {(row["split"], row["seed"], row["network"]) for row in results if "network" in row}
