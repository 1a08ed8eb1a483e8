"""The programs from a corpus to normalised features, run as the workflow runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import kaldiio
import lhotse
import numpy as np
import pytest

from pipeline.config import MfccOptions
from pipeline.data.audio import read_samples
from pipeline.features.feature_set import load_feature_set
from pipeline.features.mfcc import Extractor
from pipeline.io.rejects import read_rejects
from tests.data.toy_audio import noise, write_wav

ROOT = Path(__file__).parents[2]
OPTIONS = {"sampling_rate": 8000}
KALDI_FILES = {
    *("wav.scp", "text", "utt2spk", "spk2utt", "reco2dur"),
    *("feats.scp", "utt2num_frames", "cmvn.scp", "cmvn.ark"),
}


def run_program(name: str, *arguments: object, corpora: Path | None = None) -> str:
    """Run `python -m pipeline.bin.NAME`; return its messages; fail if it fails."""
    done = start_program(name, *arguments, corpora=corpora)
    assert done.returncode == 0, done.stderr
    return done.stderr


def start_program(
    name: str, *arguments: object, corpora: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python -m pipeline.bin.NAME` from the repository's root."""
    environment = {key: value for key, value in os.environ.items() if key != "CORPORA_DIR"}
    if corpora:
        environment["CORPORA_DIR"] = str(corpora)
    command = [sys.executable, "-m", f"pipeline.bin.{name}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in FSDD's layout: two speakers, two digits, indices 3 to 6, and one bad file."""
    folder = tmp_path_factory.mktemp("corpora")
    for seed, (digit, speaker, index) in enumerate(
        (digit, speaker, index) for digit in "07" for speaker in ("ann", "bob") for index in "3456"
    ):
        path = folder / "fsdd" / "recordings" / f"{digit}_{speaker}_{index}.wav"
        write_wav(path, noise(0.3 + 0.05 * seed, seed=seed))
    (folder / "fsdd" / "recordings" / "7_ann_7.wav").touch()
    return folder


def prepare(corpora: Path, run: Path) -> None:
    run_program(
        "prepare_data",
        *("--corpus", '{"name": "fsdd"}', "--sampling-rate", 8000, "--output-dir", run / "data"),
        corpora=corpora,
    )


def extract(run: Path, num_shards: int) -> Path:
    """Extract and merge; return the cuts."""
    options = json.dumps({**OPTIONS, "num_shards": num_shards})
    features = run / f"features{num_shards}"
    for shard in range(num_shards):
        run_program(
            "extract_features",
            *("--options", options, "--shard", shard, "--num-threads", 2),
            *("--manifests", run / "data" / "manifests.json"),
            *("--output", features / str(shard) / "feats.ark"),
        )
    run_program(
        "merge_features",
        *("--options", options, "--data-dir", run / "data", "--features-dir", features),
    )
    return features / "cuts.jsonl.gz"


@pytest.fixture(scope="module")
def run(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder after the data and feature stages, with one shard and with two."""
    folder = tmp_path_factory.mktemp("run")
    prepare(corpora, folder)
    for num_shards in (1, 2):
        extract(folder, num_shards)
    return folder


def test_the_data_stage_writes_its_files(run: Path) -> None:
    splits = json.loads((run / "data" / "splits.json").read_text())
    sizes = {
        split: {name: len(ids) for name, ids in sets.items()} for split, sets in splits.items()
    }
    assert sizes == {
        "official": {"train": 8, "test": 8},
        "ann": {"train": 8, "test": 8},
        "bob": {"train": 8, "test": 8},
    }
    (reject,) = read_rejects(run / "data" / "rejected.tsv")
    assert reject.utterance_id == "ann-7-07"
    assert reject.reason == "empty file"
    assert read_rejects(run / "features1" / "rejected.tsv") == [reject]


def test_lhotse_validates_all_manifests_and_reads_the_features(run: Path) -> None:
    for name in ("recordings", "supervisions"):
        lhotse.validate(lhotse.load_manifest(run / "data" / f"{name}.jsonl.gz"), read_data=True)
    cuts = lhotse.load_manifest(run / "features1" / "cuts.jsonl.gz")
    lhotse.validate(cuts, read_data=True)
    features = load_feature_set(run / "features1" / "cuts.jsonl.gz")
    assert [cut.id for cut in cuts] == features.utterance_ids
    for i, cut in enumerate(cuts):
        assert np.array_equal(cut.load_features(), features.utterance(i))
        assert cut.supervisions[0].duration == cut.recording.duration


def test_kaldiio_reads_the_archive(run: Path) -> None:
    by_key = kaldiio.load_scp(str(run / "features1" / "0" / "feats.scp"))
    features = load_feature_set(run / "features1" / "cuts.jsonl.gz")
    assert list(by_key) == features.utterance_ids
    for i, key in enumerate(features.utterance_ids):
        assert np.array_equal(by_key[key], features.utterance(i))


def test_the_number_of_shards_does_not_matter(run: Path) -> None:
    one, two = (load_feature_set(run / f"features{n}" / "cuts.jsonl.gz") for n in (1, 2))
    assert one.utterance_ids == two.utterance_ids
    np.testing.assert_allclose(one.frames, two.frames, atol=1e-5)


def test_a_second_run_gives_the_same_bytes(corpora: Path, run: Path, tmp_path: Path) -> None:
    prepare(corpora, tmp_path)
    manifests = ("recordings.jsonl.gz", "supervisions.jsonl.gz")
    for name in (*manifests, "splits.json", "lexicon.txt", "manifests.json"):
        assert (tmp_path / "data" / name).read_bytes() == (run / "data" / name).read_bytes()
    extract(tmp_path, 1)
    ark = Path("features1") / "0" / "feats.ark"
    assert (tmp_path / ark).read_bytes() == (run / ark).read_bytes()


def test_the_checksums_of_the_manifests_are_those_of_their_bytes(run: Path) -> None:
    sums = json.loads((run / "data" / "manifests.json").read_text())
    assert set(sums) == {"recordings.jsonl.gz", "supervisions.jsonl.gz"}
    for name, digest in sums.items():
        said = subprocess.run(["sha256sum", run / "data" / name], capture_output=True, check=True)
        assert said.stdout.split()[0].decode() == digest


def test_splits_and_cmvn_lead_to_normalised_sets(run: Path, tmp_path: Path) -> None:
    cuts, cmvn = tmp_path / "cuts.jsonl.gz", tmp_path / "cmvn.ark"
    run_program(
        "split_data",
        *("--splits", run / "data" / "splits.json", "--cuts", run / "features1" / "cuts.jsonl.gz"),
        *("--split", "ann", "--set", "test", "--output", cuts),
    )
    run_program("compute_cmvn", "--cuts", cuts, "--output", cmvn)
    features = load_feature_set(cuts, cmvn)
    assert set(features.speakers) == {"ann"}
    assert features.num_utterances == 8
    assert set(features.texts) == {"ZERO", "SEVEN"}
    np.testing.assert_allclose(features.frames.mean(axis=0), 0.0, atol=1e-4)


def test_kaldi_directory_out_and_in_again(run: Path, tmp_path: Path) -> None:
    cuts = run / "features1" / "cuts.jsonl.gz"
    run_program("compute_cmvn", "--cuts", cuts, "--output", tmp_path / "cmvn.ark")
    run_program(
        "kaldi_dir",
        *(
            "export",
            "--cuts",
            cuts,
            "--cmvn",
            tmp_path / "cmvn.ark",
            "--output-dir",
            tmp_path / "k",
        ),
    )
    names = {path.name for path in (tmp_path / "k").iterdir()}
    assert names == KALDI_FILES
    run_program(
        "kaldi_dir",
        *("import", "--input", tmp_path / "k", "--sampling-rate", 8000),
        *("--output-dir", tmp_path / "in"),
    )
    ours, again = (load_feature_set(path) for path in (cuts, tmp_path / "in" / "cuts.jsonl.gz"))
    assert again.utterance_ids == ours.utterance_ids
    assert again.texts == ours.texts
    assert again.speakers == ours.speakers
    assert np.array_equal(again.frames, ours.frames)
    normalised = load_feature_set(cuts, tmp_path / "cmvn.ark")
    kaldis = load_feature_set(cuts, tmp_path / "k" / "cmvn.scp")
    assert np.array_equal(normalised.frames, kaldis.frames)


def test_mistakes_are_one_line(corpora: Path, run: Path, tmp_path: Path) -> None:
    def message(name: str, *arguments: object) -> str:
        done = start_program(name, *arguments, corpora=corpora)
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
        assert "Traceback" not in done.stderr
        return lines[-1]

    rate = ("--sampling-rate", 8000, "--output-dir", tmp_path / "out")
    assert "corpus.name: nosuch: unknown corpus" in message(
        "prepare_data", "--corpus", '{"name": "nosuch"}', *rate
    )
    assert "--corpus: dri: " in message(
        "prepare_data", "--corpus", '{"name": "fsdd", "dri": "."}', *rate
    )
    missing = json.dumps({"name": "fsdd", "dir": str(tmp_path / "nowhere")})
    assert "nowhere: no such folder" in message("prepare_data", "--corpus", missing, *rate)
    wrong_rate = ("--sampling-rate", 16000, "--output-dir", tmp_path / "rate")
    line = message("prepare_data", "--corpus", '{"name": "fsdd"}', *wrong_rate)
    assert "17 of 17 utterances rejected" in line
    assert "sampling rate 8000 Hz, expected 16000 Hz" in line
    assert len(read_rejects(tmp_path / "rate" / "rejected.tsv")) == 17
    assert not (tmp_path / "rate" / "recordings.jsonl.gz").exists()
    files = ("--manifests", run / "data/manifests.json", "--output", tmp_path / "5/f.ark")
    assert "shards are numbered 0 to 0" in message(
        "extract_features", "--options", json.dumps(OPTIONS), *files, "--shard", 5
    )


def test_warped_copies_are_other_speakers_with_warped_features(
    corpora: Path, tmp_path: Path
) -> None:
    prepare(corpora, tmp_path)
    options = json.dumps({**OPTIONS, "train_warps": [0.9]})
    out = tmp_path / "features"
    files = ("--manifests", tmp_path / "data/manifests.json")
    run_program("extract_features", "--options", options, *files, "--output", out / "0/feats.ark")
    folders = ("--data-dir", tmp_path / "data", "--features-dir", out)
    run_program("merge_features", "--options", options, *folders)
    cuts = {cut.id: cut for cut in lhotse.load_manifest(out / "cuts.jsonl.gz")}
    originals = [name for name in cuts if not name.startswith("vtln")]
    assert len(cuts) == 2 * len(originals)
    assert len(read_rejects(out / "rejected.tsv")) == 1
    extractor = Extractor(MfccOptions.model_validate(OPTIONS), warp=0.9)
    for name in originals[:3]:
        copy = cuts[f"vtln0.9-{name}"]
        assert copy.supervisions[0].speaker == "vtln0.9-" + cuts[name].supervisions[0].speaker
        assert copy.supervisions[0].text == cuts[name].supervisions[0].text
        (expected,) = extractor.compute(
            [read_samples(Path(copy.recording.sources[0].source), 8000)]
        )
        np.testing.assert_allclose(copy.load_features(), expected, atol=1e-5)
        assert np.abs(copy.load_features() - cuts[name].load_features()).max() > 0.1
