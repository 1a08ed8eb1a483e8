"""Speech for the tiny corpora, made once."""

from __future__ import annotations

import pytest

from tests.local.tiny_corpora import Spoken, speak_all


@pytest.fixture(scope="session")
def spoken() -> Spoken:
    """Every text in every voice."""
    return speak_all()
