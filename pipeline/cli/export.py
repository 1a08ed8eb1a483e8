"""`hybrid export`: a trained network as an ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.arguments import mistakes_as_lines
from pipeline.io.errors import UserError


def export(
    model: Annotated[Path, typer.Argument(metavar="FOLDER", help="A network: exp/R/SPLIT/NET.")],
    onnx: Annotated[Path, typer.Option(metavar="FILE", help="The graph; FILE.json lies beside.")],
) -> None:
    """Write a network as ONNX: features of any number of frames to log posteriors.

    Examples:

      hybrid export exp/fsdd/official/lstm --onnx lstm.onnx
    """
    with mistakes_as_lines():
        if onnx.suffix != ".onnx":
            raise UserError(f"--onnx {onnx}: the name must end in .onnx")
        from pipeline.nnet.model_files import load_model
        from pipeline.nnet.onnx_export import export_onnx

        export_onnx(load_model(model), onnx)
    typer.echo(f"{onnx}, {onnx.with_suffix('.json')}")
