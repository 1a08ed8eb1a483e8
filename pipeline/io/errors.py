"""Errors a user can mend, shown as one line instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable


class UserError(Exception):
    """Wrong input, configuration or surroundings.

    The message is one line of the form "file: utterance: what is wrong; remedy".
    """


def one_line(text: object) -> str:
    """Collapse all white space, so that a message never breaks a log line."""
    return " ".join(str(text).split())


def describe_os_error(error: OSError) -> str:
    """Name the file and the system's reason of an operating-system error."""
    name = error.filename if error.filename is not None else "input or output"
    return f"{name}: {error.strerror or error}"


def run(main: Callable[[], object]) -> None:
    """Run a program's main function; exit 1 with one line on what a user can mend.

    Raises:
        SystemExit: with status 1, after `error: ...` on stderr; 130 when interrupted.
    """
    try:
        main()
    except UserError as error:
        message = one_line(error)
    except OSError as error:
        message = one_line(describe_os_error(error))
    except KeyboardInterrupt:
        print("error: interrupted; run the same command again to resume", file=sys.stderr)
        sys.exit(130)
    else:
        return
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)
