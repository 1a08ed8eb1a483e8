"""Files appear whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.io.atomic import atomic_path, write_json, write_text


def test_error_in_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "out.txt"
    write_text(path, "old\n")

    def fail() -> None:
        with atomic_path(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old\n"
    assert [item.name for item in path.parent.iterdir()] == ["out.txt"]


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    write_text(path, "old\n")
    program = (
        "import sys\nfrom pipeline.io.atomic import atomic_path\n"
        f"with atomic_path({str(path)!r}) as partial:\n"
        "    out = partial.open('w'); out.write('half'); out.flush()\n"
        "    print('writing', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert path.read_text() == "old\n"


def test_text_and_json_are_written_in_utf_8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "é\n")
    write_json(tmp_path / "b", {"z": "é", "a": 1})
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\n"
    assert (tmp_path / "b").read_bytes() == b'{\n  "z": "\xc3\xa9",\n  "a": 1\n}\n'
