"""Program: HCLG and log-likelihoods -> hypotheses and word lattices, by k2.

Runs in the environment that has k2: numpy, torch, k2 and the standard library are all it imports.
"""

from __future__ import annotations

from pipeline.decode.command_line import decode_program
from pipeline.io.errors import UserError, run


def main() -> None:
    """Decode."""
    try:
        from pipeline.decode.k2_search import K2Search
    except (ImportError, OSError, NameError) as error:  # torch fails in all these ways
        raise UserError(f"k2: cannot be imported ({error}); run 'make setup'") from None
    decode_program(__doc__, K2Search)


if __name__ == "__main__":
    run(main)
