"""Downloads against a local server: resumed, verified, never out of their folder."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.data.download import digest_of_files, fetch, fetch_corpus, unpack, verify_files
from pipeline.io.errors import UserError

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What the local server serves, how it behaves, and what it was asked for."""

    url: str
    content: bytes = CONTENT
    ranges: bool = True  # answers to Range requests
    break_after: int | None = None  # bytes of the next answer, then the connection ends
    asked: list[str | None] = field(default_factory=list)  # Range headers


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            start = 0
            if wanted and state.ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(state.content):
                    self.send_error(416)
                    return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.break_after is not None:
                body, state.break_after = body[: state.break_after], None
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state = Server(f"http://127.0.0.1:{httpd.server_address[1]}/corpus.tar")
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield state
        httpd.shutdown()
        thread.join()


def test_a_whole_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.tar"
    assert fetch(server.url, target, SHA256).read_bytes() == CONTENT
    fetch(server.url, target, SHA256)
    assert server.asked == [None]
    assert [path.name for path in target.parent.iterdir()] == ["a.tar"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.ranges = ranges
    server.break_after = 30000
    with pytest.raises(UserError, match=r"30000 of 102400 bytes came; run again to resume"):
        fetch(server.url, tmp_path / "a.tar", SHA256)
    assert not (tmp_path / "a.tar").exists()
    assert fetch(server.url, tmp_path / "a.tar", SHA256).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=30000-"]


def test_a_wrong_checksum_keeps_nothing(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(UserError, match=f"expected {SHA256}"):
        fetch(server.url, tmp_path / "a.tar", SHA256)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_on_disk_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"old")
    assert fetch(server.url, tmp_path / "a.tar", SHA256).read_bytes() == CONTENT


def test_a_part_longer_than_the_file_starts_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.tar.part").write_bytes(CONTENT + b"more")
    assert fetch(server.url, tmp_path / "a.tar", SHA256).read_bytes() == CONTENT


def test_no_server_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="download failed"):
        fetch("http://127.0.0.1:9/a.tar", tmp_path / "a.tar", timeout=5.0)


def test_a_file_address_works(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    assert fetch(source.as_uri(), tmp_path / "a.tar", SHA256).read_bytes() == CONTENT


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for info, content in members:
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = (tarfile.TarInfo("corpus/a.txt"), b"good")


@pytest.mark.parametrize(
    "evil",
    [
        tarfile.TarInfo("../escaped.txt"),
        tarfile.TarInfo("corpus/../../escaped.txt"),
        tarfile.TarInfo("/tmp/escaped.txt"),
        tarfile.TarInfo("c:\\escaped.txt"),
        link("corpus/link", tarfile.SYMTYPE, "/etc/passwd"),
        link("corpus/link", tarfile.LNKTYPE, "../outside"),
        link("corpus/pipe", tarfile.FIFOTYPE, ""),
        link("corpus/device", tarfile.CHRTYPE, ""),
    ],
    ids=lambda info: f"{info.name} {info.type!r}",
)
def test_a_tar_cannot_leave_its_folder(tmp_path: Path, evil: tarfile.TarInfo) -> None:
    archive = tmp_path / "in" / "a.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(tar_of(GOOD, (evil, b"")))
    with pytest.raises(UserError, match="do not use this file"):
        unpack(archive, tmp_path / "in" / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.gz", "in"]


def test_a_link_to_a_folder_cannot_be_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tmp_path / "a.tar.gz"
    through = tarfile.TarInfo("door/escaped.txt")
    archive.write_bytes(tar_of((link("door", tarfile.SYMTYPE, str(outside)), b""), (through, b"x")))
    with pytest.raises(UserError, match="is a link"):
        unpack(archive, tmp_path / "out")
    assert list(outside.iterdir()) == []


def zip_of(path: Path, name: str, mode: int = 0o100644) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("corpus/a.txt", "good")
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        packed.writestr(info, "evil")


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../escaped.txt", 0o100644),
        ("/tmp/escaped.txt", 0o100644),
        ("corpus/link", 0o120777),
    ],
)
def test_a_zip_cannot_leave_its_folder(tmp_path: Path, name: str, mode: int) -> None:
    zip_of(tmp_path / "a.zip", name, mode)
    with pytest.raises(UserError, match="do not use this file"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_bomb_is_not_unpacked(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.data.download.SMALL", 1 << 20)
    zeros, archive = bytes(4 << 20), tmp_path / f"a.{kind}"
    if kind == "tar":
        archive.write_bytes(tar_of(GOOD, (tarfile.TarInfo("zeros"), zeros)))
    else:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("zeros", zeros)
    with pytest.raises(UserError, match="more than 100 times its size; do not use this file"):
        unpack(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]


def test_good_archives_are_unpacked_whole(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(tar_of(GOOD, (tarfile.TarInfo("b/c/d.txt"), b"deep")))
    zip_of(tmp_path / "a.zip", "b/c/d.txt")
    for name, deep in (("a.tar.gz", "deep"), ("a.zip", "evil")):
        out = unpack(tmp_path / name, tmp_path / "out")  # the second replaces the first
        assert (out / "corpus" / "a.txt").read_text() == "good"
        assert (out / "b" / "c" / "d.txt").read_text() == deep


def test_a_damaged_archive_leaves_nothing(tmp_path: Path) -> None:
    packed = tar_of(GOOD, (tarfile.TarInfo("b.txt"), CONTENT))
    (tmp_path / "a.tar.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UserError, match="damaged archive"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    (tmp_path / "a.tar.gz").write_bytes(b"this is a web page")
    with pytest.raises(UserError, match="damaged archive"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_digest_is_that_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"1")
    (tmp_path / "a").write_bytes(b"2")
    lines = f"{hashlib.sha256(b'2').hexdigest()}  a\n{hashlib.sha256(b'1').hexdigest()}  b/x\n"
    expected = hashlib.sha256(lines.encode()).hexdigest()
    files = [tmp_path / "b" / "x", tmp_path / "a"]
    assert digest_of_files(tmp_path, files) == expected


def test_a_corpus_is_fetched_verified_and_then_kept(server: Server, tmp_path: Path) -> None:
    server.content = tar_of(
        (tarfile.TarInfo("repository-123/recordings/a.wav"), b"a"),
        (tarfile.TarInfo("repository-123/README"), b"r"),
    )
    (tmp_path / "a.wav").write_bytes(b"a")
    expected = digest_of_files(tmp_path, [tmp_path / "a.wav"]).encode()
    assert len(expected) == 64
    wavs = tmp_path / "expected" / "recordings"
    wavs.mkdir(parents=True)
    (wavs / "a.wav").write_bytes(b"a")
    digest = digest_of_files(wavs.parent, [wavs / "a.wav"])

    def verify(folder: Path) -> None:
        verify_files(folder, "recordings/*.wav", digest)

    urls = ("http://127.0.0.1:9/gone.tar", server.url)
    target = tmp_path / "downloads" / "toy"
    for _ in range(2):
        folder = fetch_corpus(urls, target, "*/recordings", None, verify)
        assert folder == target / "corpus"
        assert (folder / "README").read_bytes() == b"r"
    assert len(server.asked) == 1
    assert [path.name for path in target.iterdir()] == ["corpus"]


def test_a_corpus_with_other_files_is_refused(server: Server, tmp_path: Path) -> None:
    server.content = tar_of((tarfile.TarInfo("repository/recordings/a.wav"), b"changed"))

    def verify(folder: Path) -> None:
        verify_files(folder, "recordings/*.wav", "0" * 64)

    with pytest.raises(UserError, match="the files have digest"):
        fetch_corpus([server.url], tmp_path / "toy", "*/recordings", None, verify)
    with pytest.raises(UserError, match="holds no nothing"):
        fetch_corpus([server.url], tmp_path / "toy", "nothing", None, verify)
    assert list((tmp_path / "toy").iterdir()) == []
