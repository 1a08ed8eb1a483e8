"""Program: HCLG and log-likelihoods -> hypotheses and word lattices, by kaldi-decoder."""

from __future__ import annotations

from pipeline.decode.command_line import decode_program
from pipeline.decode.kaldi_search import KaldiSearch
from pipeline.io.errors import run


def main() -> None:
    """Decode."""
    decode_program(__doc__, KaldiSearch)


if __name__ == "__main__":
    run(main)
