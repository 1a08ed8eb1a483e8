"""What all tests share: real speech, and drawn examples that are the same in every run.

Tests that need real speech are left out, by name, where it is not there.
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
LEFT_OUT = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def corpora_dir() -> Path:
    """The folder that holds fsdd/, yesno/, speech_commands/ and unreadable/."""
    return Path(os.environ[VARIABLE])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests of real speech if CORPORA_DIR is not set."""
    if os.environ.get(VARIABLE):
        return
    needing = [item for item in items if "corpora_dir" in getattr(item, "fixturenames", ())]
    items[:] = [item for item in items if item not in needing]
    config.hook.pytest_deselected(items=needing)
    config.stash[LEFT_OUT] = [item.nodeid for item in needing]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out."""
    for name in terminalreporter.config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(f"left out (no {VARIABLE}): {name}")
