"""The command `hybrid`: runs recipes and shows their stages; the work itself is Snakemake's."""

from __future__ import annotations

import sys

import typer

from pipeline.cli import (
    clean,
    compare,
    doctor,
    export,
    new,
    pack,
    plan,
    results,
    run,
    serve,
    stages,
    study,
    transcribe,
    why,
)

EXAMPLES = """Hybrid speech recognition recipes: from a corpus to word error rates.

Examples:

  hybrid run demo                         from the corpus to the report

  hybrid run fsdd --from graph --set decode.beam=12

  hybrid stages fsdd                      what is done, stale or missing

  hybrid new mine --audio wavs --text transcripts.tsv
"""

app = typer.Typer(
    name="hybrid",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=EXAMPLES,
    # Plain lines where nobody looks: in a file, a pipe or the log of a job.
    rich_markup_mode="rich" if sys.stdout.isatty() and sys.stderr.isatty() else None,
)
for command in (
    *(run.run, stages.stages, plan.plan, why.why, new.new),
    *(results.align, results.report, transcribe.transcribe, serve.serve, study.study),
    *(pack.pack, export.export),
    *(compare.compare, clean.clean, doctor.doctor),
):
    app.command()(command)
