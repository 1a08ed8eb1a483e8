"""The faults: each try disturbs a run, runs it again, and says whether the results are the same."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.reliability.toy import (
    CONFIG,
    ROOT,
    differences,
    kill_in_stage,
    last_words,
    results,
    run,
    start,
    wait_for_stage,
)
from pipeline.workflow import files_until

DAY = 86400.0  # seconds


class Outcome(NamedTuple):
    """Of one try."""

    survived: bool
    how: str  # e.g. same bytes
    note: str = ""  # what was said, or what went wrong


class Case(NamedTuple):
    """What all tries share."""

    finished: Path  # folder of an undisturbed run
    reference: dict[str, str]  # its results
    seconds: dict[str, float]  # of each stage, from its first job to its end
    scratch: Path  # for folders of tries


def _same(case: Case, folder: Path, note: str = "") -> Outcome:
    """Run to the end; the results must be those of the undisturbed run."""
    result = run(folder)
    if result.returncode:
        return Outcome(False, "failed", (result.stdout + result.stderr)[-300:])
    different = differences(folder, case.reference)
    if different:
        return Outcome(False, "other bytes", ", ".join(different[:5]))
    return Outcome(True, "same bytes", note)


def new_folder(case: Case, name: str) -> Path:
    folder = case.scratch / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _copy(case: Case, name: str) -> Path:
    folder = case.scratch / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(case.finished, folder, symlinks=True)
    return folder


def _same_so_far(case: Case, folder: Path, stage: str) -> bool:
    """All files of the stages up to this one are there, and each is the undisturbed run's."""
    found = results(folder)
    there = all((folder / file).is_file() for file in files_until(CONFIG, stage))
    whole = stage != list(case.seconds)[-1] or found.keys() == case.reference.keys()
    return there and whole and all(case.reference.get(f) == found[f] for f in found)


def killed_at_every_stage(case: Case, number: int) -> Iterator[tuple[str, Outcome]]:
    """One folder from nothing to the report, killed once in each stage at a random point."""
    folder = new_folder(case, f"killed{number}")
    drawn = random.Random(number)
    for stage, seconds in case.seconds.items():
        delay = drawn.uniform(0.0, 0.9 * seconds)
        killed = kill_in_stage(folder, stage, delay)
        result = run(folder, "--until", stage)
        words = f"after {delay:.1f} of {seconds:.1f} s"
        name = f"kill -9 in stage {stage}"
        if result.returncode:
            yield name, Outcome(False, "failed", (result.stdout + result.stderr)[-300:])
            return
        same = _same_so_far(case, folder, stage)
        how = "same bytes" if same else "other bytes"
        yield name, Outcome(same, how if killed else f"ended before, {how}", words)


def jobs_outlive(case: Case, number: int) -> Outcome:
    """kill -9 of `hybrid` and Snakemake alone, in the middle of training; jobs live on."""
    folder = new_folder(case, f"orphans{number}")
    stage = ("mono", "lstm", "decode")[number % 3]
    kill_in_stage(folder, stage, 0.3 * case.seconds[stage], whole=False)
    return _same(case, folder, f"in {stage}")


def two_at_once(case: Case, number: int) -> Outcome:
    """Two runs started at the same moment in one folder."""
    folder = new_folder(case, f"two{number}")
    both = [start(folder), start(folder)]
    ended = [(process.communicate()[0], process.returncode) for process in both]
    refused = [said for said, status in ended if status]
    if len(refused) != 1 or "another `hybrid run` works there" not in refused[0]:
        return Outcome(False, "not refused", " / ".join(said[-200:] for said in refused))
    return _same(case, folder, "the second was refused in one line")


def _shift(folder: Path, seconds: float) -> None:
    for path in folder.rglob("*"):
        if not path.is_symlink():
            times = path.stat()
            os.utime(path, (times.st_atime + seconds, times.st_mtime + seconds))


def clock_moved(case: Case, number: int) -> Outcome:
    """The clock was ahead, or behind, while a half of the run was made; or after all of it."""
    if number == 2:
        folder = _copy(case, "clock2")
        _shift(folder, DAY)
        result = run(folder, "-n")
        if "nothing to be done" not in result.stdout:
            return Outcome(False, "ran again", result.stdout[-300:])
        return _same(case, folder, "after the end, a day ahead: nothing ran again")
    folder = new_folder(case, f"clock{number}")
    run(folder, "--until", "mono")
    _shift(folder, DAY if number == 0 else -DAY)
    outcome = _same(case, folder, f"after mono, a day {'ahead' if number == 0 else 'back'}")
    again = run(folder, "-n")
    if outcome.survived and "nothing to be done" not in again.stdout:
        return Outcome(False, "runs again and again", again.stdout[-300:])
    return outcome


@contextmanager
def _small_disk(folder: Path, num_bytes: int) -> Iterator[Callable[[str], None]]:
    """A file system of its own in memory; gives what changes its mount options."""

    def remount(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)

    size = f"size={num_bytes}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
    try:
        yield remount
    finally:
        time.sleep(0.5)  # until the last process has left it
        subprocess.run(["umount", "-l", str(folder)], check=True)


def can_mount(folder: Path) -> bool:
    """Whether this user may mount."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _small_disk(folder, 1 << 20):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _used(folder: Path) -> int:
    blocks = [path.lstat().st_blocks for path in folder.rglob("*")]
    return 512 * sum(blocks)


def disk_full(case: Case, number: int) -> Outcome:
    """A disk that holds a part of what the run writes; then a larger one."""
    folder = new_folder(case, f"full{number}")
    share = (0.2, 0.5, 0.8)[number]
    with _small_disk(folder, round(share * _used(case.finished))) as remount:
        words = last_words(run(folder))
        if "No space left" not in words and "disk is full" not in words:
            return Outcome(False, "did not say so", words)
        remount(f"size={10 * _used(case.finished)}")
        return _same(case, folder, f"at {share:.0%} of the space: {words}")


def read_only(case: Case, number: int) -> Outcome:
    """The file system becomes read-only after a stage; then writable again."""
    folder = new_folder(case, f"readonly{number}")
    stage = ("data", "mono", "lstm")[number]
    with _small_disk(folder, 10 * _used(case.finished)) as remount:
        run(folder, "--until", stage)
        remount("ro")
        words = last_words(run(folder))
        if "read-only" not in words.lower():
            return Outcome(False, "did not say so", words)
        remount("rw")
        return _same(case, folder, f"after {stage}: {words}")


DAMAGED = (  # file, stage that makes it, stage that reads it
    ("features/0/feats.ark", "features", "mono"),
    ("data/supervisions.jsonl.gz", "data", "features"),
    ("official/data/train/cuts.jsonl.gz", "features", "mono"),
    ("official/mono/gmm.safetensors", "mono", "align"),
    ("official/mono/hmm.json", "mono", "align"),
    ("official/mono/alignment/transition_ids.ark", "align", "lstm"),
    ("official/lstm/model.safetensors", "lstm", "decode"),
    ("official/graph/mono/loop/HCLG.fst", "graph", "decode"),
    ("official/decode/mono/loglikes.ark", "decode", "decode"),
    ("official/decode/mono/loop/kaldi/hypotheses.jsonl", "decode", "score"),
    ("official/decode/mono/loop/kaldi/wer.json", "score", "report"),
)


def truncated(case: Case, number: int) -> Outcome:
    """A result cut to a half by other means than a run: the next run must not use it silently."""
    name, maker, reader = DAMAGED[number]
    folder = _copy(case, f"truncated{number}")
    path = folder / ROOT / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    result = run(folder, "--from", reader)
    words = last_words(result)
    if result.returncode == 0:  # made again without a word, or not read at all
        different = differences(folder, case.reference)
        how = "same bytes" if not different else "used silently"
        return Outcome(not different, how, name)
    if not words:
        return Outcome(
            False, "did not say why", f"{name}: {(result.stdout + result.stderr)[-300:]}"
        )
    result = run(folder, "--force", maker)
    if result.returncode:
        return Outcome(False, "not healed", f"{name}: {last_words(result)}")
    outcome = _same(case, folder, f"{name}: {words}")
    return outcome._replace(how="said what to do, then same bytes") if outcome.survived else outcome


def bad_checkpoint(case: Case, number: int) -> Outcome:
    """Training is killed, and its checkpoint truncated, changed in one bit, or empty."""
    folder = new_folder(case, f"checkpoint{number}")
    run(folder, "--until", "align")
    for _ in range(20):
        process = start(folder, "--until", "lstm", "--verbose")
        wait_for_stage(process, "lstm")
        found: list[Path] = []
        while process.poll() is None and not found:
            found = list((folder / ROOT).rglob("last.safetensors"))
        os.killpg(process.pid, 9)
        process.wait()
        found = list((folder / ROOT).rglob("last.safetensors"))
        if found:
            break
    else:
        return Outcome(False, "no checkpoint was seen")
    (path,) = found
    content = bytearray(path.read_bytes())
    if number == 0:
        content = content[: len(content) // 2]
    elif number == 1:
        content[-100] ^= 0x10
    else:
        content = bytearray()
    path.write_bytes(content)
    kind = ("truncated", "one bit changed", "empty")[number]
    result = run(folder, "--until", "lstm")
    words = last_words(result)
    if result.returncode == 0:
        return _same(case, folder, f"{kind}: trained from the start")
    if not words:
        return Outcome(False, "did not say why", (result.stdout + result.stderr)[-300:])
    path.unlink(missing_ok=True)
    outcome = _same(case, folder, f"{kind}: {words}")
    return outcome._replace(how="said what to do, then same bytes") if outcome.survived else outcome
