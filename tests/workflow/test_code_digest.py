"""pipeline/code_digest.py: real edits of reached code change the digest, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.code_digest import CodeDigests, changed_modules

FILES = {
    "pipeline/__init__.py": '"""Package."""\n',
    "pipeline/config.py": "x = 1\n",
    "pipeline/bin/__init__.py": "",
    "pipeline/bin/train.py": (
        '"""Program."""\n'
        "from pipeline.config import x\n"
        "from pipeline import gmm\n"
        "def main():\n"
        '    """Do it."""\n'
        "    from pipeline.gmm.train import train\n"
        "    return train(x)  # heavy import inside\n"
    ),
    "pipeline/gmm/__init__.py": "",
    "pipeline/gmm/train.py": (
        "import numpy\nimport pipeline.gmm.part\ndef train(y):\n    return y + 1\n"
    ),
    "pipeline/gmm/part.py": "z = 3\n",
    "pipeline/other.py": "unused = 1\n",
}
PROGRAM = "pipeline.bin.train"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def edit(repository: Path, name: str, old: str, new: str) -> None:
    text = (repository / name).read_text(encoding="utf-8")
    assert old in text
    (repository / name).write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pipeline/bin/train.py", "# heavy import inside", "# another comment"),
        ("pipeline/bin/train.py", '"""Do it."""', '"""Do it well."""'),
        ("pipeline/bin/train.py", '"""Program."""\n', '"""A program."""\n\n\n'),
        ("pipeline/gmm/train.py", "return y + 1", "return (y  +  1)"),
        ("pipeline/other.py", "unused = 1", "unused = 2"),
        ("pipeline/config.py", "x = 1", "x = 2"),
    ],
)
def test_what_does_not_count(repository: Path, name: str, old: str, new: str) -> None:
    before = CodeDigests(repository).of(PROGRAM)
    edit(repository, name, old, new)
    assert CodeDigests(repository).of(PROGRAM) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pipeline/bin/train.py", "return train(x)", "return train(x + 1)"),
        ("pipeline/gmm/train.py", "y + 1", "y + 2"),
        ("pipeline/gmm/part.py", "z = 3", "z = 4"),
        ("pipeline/gmm/part.py", "z = 3", "z = '3'"),
        ("pipeline/gmm/__init__.py", "", "side_effect = True"),
    ],
)
def test_what_counts(repository: Path, name: str, old: str, new: str) -> None:
    before = CodeDigests(repository).of(PROGRAM)
    edit(repository, name, old, new)
    assert CodeDigests(repository).of(PROGRAM) != before


def test_further_modules_count(repository: Path) -> None:
    digests = CodeDigests(repository)
    assert digests.of(PROGRAM) != digests.of(PROGRAM, "pipeline.other")
    assert digests.of(PROGRAM) != digests.of(PROGRAM, "pipeline.not_there")


def test_imports_in_a_circle_end(repository: Path) -> None:
    edit(repository, "pipeline/gmm/part.py", "z = 3", "import pipeline.gmm.train")
    assert len(CodeDigests(repository).of(PROGRAM)) == 16


def test_the_cache_gives_the_same_and_follows_edits(repository: Path, tmp_path: Path) -> None:
    cache = tmp_path / "kept" / "code.json"
    first = CodeDigests(repository, cache)
    before = first.of(PROGRAM)
    first.save()
    assert cache.is_file()
    assert CodeDigests(repository, cache).of(PROGRAM) == before
    edit(repository, "pipeline/gmm/part.py", "z = 3", "z = 4")
    again = CodeDigests(repository, cache)
    after = again.of(PROGRAM)
    again.save()
    assert after != before
    assert (
        after == CodeDigests(repository).of(PROGRAM) == CodeDigests(repository, cache).of(PROGRAM)
    )
    kept = {path.relative_to(cache.parent).as_posix() for path in cache.parent.rglob("*.*")}
    assert kept == {"code.json", f"code/{before}.json", f"code/{after}.json"}
    assert changed_modules(cache, before, after) == ["pipeline.gmm.part"]
    assert changed_modules(cache, after, after) == []
    assert changed_modules(cache, before, "unknown") == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": 1}', b"\xff"])
def test_a_damaged_cache_is_no_cache(repository: Path, tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "code.json"
    cache.write_bytes(content)
    digests = CodeDigests(repository, cache)
    assert digests.of(PROGRAM) == CodeDigests(repository).of(PROGRAM)
    digests.save()
    assert CodeDigests(repository, cache).of(PROGRAM) == CodeDigests(repository).of(PROGRAM)
