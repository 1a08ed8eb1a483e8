"""Program: HCLG and log-likelihoods -> hypotheses and word lattices, by compiled token passing."""

from __future__ import annotations

from pipeline.decode.command_line import decode_program
from pipeline.decode.native_search import NativeSearch
from pipeline.io.errors import run


def main() -> None:
    """Decode."""
    decode_program(__doc__, NativeSearch)


if __name__ == "__main__":
    run(main)
