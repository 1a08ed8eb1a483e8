"""Fetch a corpus from its public home: resumed, verified, unpacked without escaping its folder."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import stat
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from pipeline.io.errors import UserError

CHUNK = 1 << 20
TIMEOUT = 30.0  # seconds without any byte
# Speech and its transcripts shrink to a tenth at best; what grows more than this is a bomb.
MAX_GROWTH = 100
SMALL = 1 << 28  # bytes that any archive may hold


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _md5_of(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _wrong_checksum(path: Path, sha256: str | None, md5: str | None) -> str | None:
    """What the checksum is and should be; None if it is right or none is known."""
    for name, expected, digest in (("SHA-256", sha256, sha256_of), ("MD5", md5, _md5_of)):
        if expected is not None and (found := digest(path)) != expected:
            return f"{name} is {found}, expected {expected}"
    return None


def digest_of_files(folder: Path, files: Iterable[Path]) -> str:
    """One SHA-256 over many files: of the lines `sha256  name`, sorted by the name below `folder`.

    It does not depend on how the files were packed, as an archive's own checksum does.
    """
    lines = sorted((path.relative_to(folder).as_posix(), sha256_of(path)) for path in files)
    text = "".join(f"{digest}  {name}\n" for name, digest in lines)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _request(url: str, have: int) -> urllib.request.Request:
    headers = {"User-Agent": "hybrid-recipes"}
    if have:
        headers["Range"] = f"bytes={have}-"
    return urllib.request.Request(url, headers=headers)


def fetch(
    url: str,
    target: Path,
    sha256: str | None = None,
    timeout: float = TIMEOUT,
    md5: str | None = None,
) -> Path:
    """Download `url` to the file `target`; an interrupted download goes on where it stopped.

    The bytes stand in `target`.part until they are complete and, if a checksum is given, verified.
    Without one, the SHA-256 that was seen is printed.

    Raises:
        UserError: no connection, a short answer, or a wrong checksum (then nothing is kept).
    """
    if target.is_file() and _wrong_checksum(target, sha256, md5) is None:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.is_file() else 0
    try:
        try:
            answer = urllib.request.urlopen(_request(url, have), timeout=timeout)
        except urllib.error.HTTPError as error:
            if error.code != 416:  # Range not satisfiable: the part is not a part of this file
                raise
            have = 0
            answer = urllib.request.urlopen(_request(url, 0), timeout=timeout)
        with answer:
            resumed = have > 0 and getattr(answer, "status", None) == 206
            length = answer.headers.get("Content-Length")
            with part.open("ab" if resumed else "wb") as out:
                shutil.copyfileobj(answer, out, CHUNK)
                expected = None if length is None else int(length) + (have if resumed else 0)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"{url}: download failed ({reason}); run again to resume") from None
    size = part.stat().st_size
    if expected is not None and size < expected:
        raise UserError(f"{url}: {size} of {expected} bytes came; run again to resume")
    wrong = _wrong_checksum(part, sha256, md5)
    if wrong is not None:
        part.unlink()
        raise UserError(
            f"{url}: {wrong}; the file at this address was changed "
            "or damaged: fetch the corpus by other means and set corpus.dir"
        )
    if sha256 is None and md5 is None:
        print(
            f"{url}: no checksum of it is known; the SHA-256 of what came is {sha256_of(part)}",
            file=sys.stderr,
        )
    os.replace(part, target)
    return target


def _safe_name(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name:
        raise UserError(f"{archive}: member {name!r} would leave its folder; do not use this file")
    return path


def _refuse(archive: Path, name: str) -> UserError:
    return UserError(f"{archive}: member {name!r} is a link or a device; do not use this file")


def _tar_members(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes] | None]]:
    with tarfile.open(archive) as packed:
        for member in packed:
            path = _safe_name(archive, member.name)
            if not (member.isdir() or member.isreg()):
                raise _refuse(archive, member.name)
            yield path, packed.extractfile(member) if member.isreg() else None


def _zip_members(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes] | None]]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            path = _safe_name(archive, member.filename)
            mode = member.external_attr >> 16
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refuse(archive, member.filename)
            yield path, None if member.is_dir() else packed.open(member)


@contextmanager
def _fresh_folder(target: Path) -> Iterator[Path]:
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if target.exists():
            shutil.rmtree(target)
        os.replace(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def unpack(archive: Path, target: Path) -> Path:
    """Unpack a tar (any compression) or zip archive to the folder `target`, whole or not at all.

    Raises:
        UserError: damaged, or a member is absolute, leaves the folder, or is a link or a device, or
            all are much larger than such an archive can honestly hold; then nothing is unpacked.
    """
    left = max(SMALL, MAX_GROWTH * archive.stat().st_size)
    members = _zip_members if zipfile.is_zipfile(archive) else _tar_members
    try:
        with _fresh_folder(target) as partial:
            for name, content in members(archive):
                path = partial.joinpath(*name.parts)
                if content is None:
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                with content, path.open("xb") as out:
                    while block := content.read(CHUNK):
                        left -= len(block)
                        if left < 0:
                            raise UserError(
                                f"{archive}: unpacks to more than {MAX_GROWTH} times its size; "
                                "do not use this file"
                            )
                        out.write(block)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, FileExistsError) as error:
        raise UserError(f"{archive}: damaged archive ({error}); delete it and run again") from None
    return target


def fetch_corpus(
    urls: Sequence[str],
    target: Path,
    marker: str,
    sha256: str | None,
    verify: Callable[[Path], None] = lambda folder: None,
) -> Path:
    """Download an archive, unpack and verify it; return the corpus folder, `target`/corpus.

    A corpus that stands there already was verified before, and is returned at once.

    Args:
        urls: the same archive's addresses, tried in turn.
        marker: glob of one path in the archive; the folder that holds it is the corpus's.
        sha256: of the archive; None where its host packs it anew at each request.
        verify: raises UserError if the corpus folder does not hold what it should; needed where
            `sha256` is not known.
    Raises:
        UserError: the last address's failure, or the archive is not what was expected; then
            nothing of it is kept.
    """
    folder = target / "corpus"
    if folder.is_dir():
        return folder
    failure: UserError | None = None
    for url in urls:
        archive = target / url.rpartition("/")[2]
        unpacked = target / "unpacked"
        try:
            unpack(fetch(url, archive, sha256), unpacked)
            found = sorted(unpacked.glob(marker))
            if not found:
                raise UserError(f"{url}: holds no {marker}; set corpus.dir to a copy of the corpus")
            verify(found[0].parent)
            os.replace(found[0].parent, folder)
        except UserError as error:
            failure = error
            archive.unlink(missing_ok=True)
        else:
            archive.unlink()
            return folder
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
    raise failure or UserError("no address to download from; set corpus.dir")


def verify_files(corpus_dir: Path, pattern: str, expected: str) -> None:
    """Compare the files that match `pattern` with their known `digest_of_files`.

    Raises:
        UserError: another digest.
    """
    found = digest_of_files(corpus_dir, corpus_dir.glob(pattern))
    if found != expected:
        raise UserError(
            f"{corpus_dir.name}/{pattern}: the files have digest {found}, expected {expected}; "
            "they were changed at their home: set corpus.dir to another copy"
        )
