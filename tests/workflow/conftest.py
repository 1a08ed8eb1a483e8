"""What several tests of the workflow are given."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.workflow.toy_configuration import TOY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/config.yaml").write_text(
        yaml.safe_dump(TOY, sort_keys=False), encoding="utf-8"
    )
    return tmp_path
