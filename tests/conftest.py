"""What all tests share: real speech, and drawn examples that are the same in every run.

Tests that need real speech, or a program or device that not every machine has, are left out, by
name, where it is not there.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None)  # HYPOTHESIS=new: other examples each time
settings.load_profile(os.environ.get("HYPOTHESIS", "same"))

VARIABLE = "CORPORA_DIR"
OUTSIDE = ("chromium", "slurm")  # used only when asked for: --with chromium
LEFT_OUT = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def corpora_dir() -> Path:
    """The folder that holds fsdd/, yesno/, speech_commands/ and unreadable/."""
    return Path(os.environ[VARIABLE])


def pytest_addoption(parser: pytest.Parser) -> None:
    """--with: what of the surroundings may be used beside what every machine has."""
    parser.addoption(
        "--with",
        action="append",
        default=[],
        choices=OUTSIDE,
        dest="outside",
        help="also run the tests that need this program of the machine",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of tests that need more than the environments of this project."""
    config.addinivalue_line("markers", f"needs(what): {', '.join((*OUTSIDE, 'cuda'))}")


def why_left_out(item: pytest.Item, config: pytest.Config) -> str | None:
    """What the test needs and the machine lacks; nothing if it can run."""
    if "corpora_dir" in getattr(item, "fixturenames", ()) and not os.environ.get(VARIABLE):
        return f"no {VARIABLE}"
    for marker in item.iter_markers("needs"):
        (what,) = marker.args
        if what == "cuda":
            import torch

            if not torch.cuda.is_available():
                return "no GPU"
        elif what not in OUTSIDE:
            raise pytest.UsageError(f"{item.nodeid}: needs({what!r}): unknown; see tests/conftest")
        elif what not in config.getoption("outside"):
            return f"no --with {what}"
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that cannot run here."""
    reasons = {item.nodeid: why_left_out(item, config) for item in items}
    left_out = [item for item in items if reasons[item.nodeid] is not None]
    items[:] = [item for item in items if reasons[item.nodeid] is None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    config.stash[LEFT_OUT] = [f"left out ({reasons[i.nodeid]}): {i.nodeid}" for i in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out."""
    for line in terminalreporter.config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(line)
