"""profiles/: the same settings everywhere, and rules that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli.dag import MAX_CHECKSUM_SIZE
from pipeline.cli.running import executor_options
from pipeline.config import ConfigError
from pipeline.workflow import REPOSITORY, STAGE_RULES

NAMES = sorted(path.parent.name for path in (REPOSITORY / "profiles").glob("*/config.yaml"))
COMMON = ("rerun-incomplete", "show-failed-logs", "max-checksum-file-size")


def profile(name: str) -> dict[str, Any]:
    content = yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text("utf-8"))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("name", NAMES)
def test_what_all_profiles_share(name: str) -> None:
    """Most of all the size up to which inputs are compared: `stages` and `plan` count on it."""
    assert {key: profile(name)[key] for key in COMMON} == {
        "rerun-incomplete": True,
        "show-failed-logs": True,
        "max-checksum-file-size": MAX_CHECKSUM_SIZE,
    }


@pytest.mark.parametrize("name", ["slurm", "cluster"])
def test_groups_name_rules_that_there_are(name: str) -> None:
    rules = {rule for rules in STAGE_RULES.values() for rule in rules}
    groups = profile(name)["groups"]
    assert groups
    assert set(groups) <= rules


def test_groups_are_the_same_on_both_clusters() -> None:
    assert profile("slurm")["groups"] == profile("cluster")["groups"]


def test_a_profile_by_name_or_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert executor_options(None, None) == ["--cores", "all"]
    assert executor_options(None, 3) == ["--cores", "3"]
    assert executor_options("slurm", 3) == ["--workflow-profile", "profiles/slurm", "--jobs", "3"]
    (tmp_path / "config.yaml").write_text("executor: local\n")
    assert executor_options(str(tmp_path), None) == ["--workflow-profile", str(tmp_path)]
    with pytest.raises(ConfigError, match="--profile pbs: no such folder; known are cluster, def"):
        executor_options("pbs", None)
