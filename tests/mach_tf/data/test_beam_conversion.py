"""Apache Beam makes the dataset that the threads make: file by file and point by point."""

from __future__ import annotations

import gzip
import importlib.util
import os
import random
import subprocess
import sys
import urllib.error
import zipfile

import numpy as np
import pytest

from mach_tf.data import records
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from tests.helpers import mutations, programs

needs_beam = pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is None, reason="apache-beam is not installed: pip install 'mach-tf[beam]'"
)
POINTS = 3000


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Two training files, one of them compressed, a test file, and names."""
    directory = tmp_path_factory.mktemp("texts")
    rng = random.Random(3)
    (directory / "train-1.txt").write_bytes(mutations.good_file(rng, POINTS))
    (directory / "train-2.txt.gz").write_bytes(gzip.compress(mutations.good_file(rng, 500)))
    (directory / "test.txt").write_bytes(mutations.good_file(rng, 100))
    (directory / "labels.txt").write_text("".join(f"label {i}\n" for i in range(mutations.LABELS)))
    features, labels = mutations.good_split_form(rng, 200)
    (directory / "X.txt").write_bytes(features)
    (directory / "Y.txt").write_bytes(labels)
    rows = [rng.sample(range(1, 501), 500) for _ in range(2)]
    with zipfile.ZipFile(directory / "archive.zip", "w") as archive:
        archive.writestr("data.txt", mutations.good_file(rng, 500))
        for name, part in (("trSplit.txt", slice(350)), ("tstSplit.txt", slice(350, None))):
            archive.writestr(name, "".join(f"{a} {b}\n" for a, b in zip(*(row[part] for row in rows))))
    return directory


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Many blocks a file, so that chunks and shards do not fall together."""
    from mach_tf.data import libsvm

    blocks = libsvm.TextReader.blocks
    monkeypatch.setattr(libsvm.TextReader, "blocks", lambda reader, size=10_000: blocks(reader, size))


def _content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def _run_both(tmp_path, *arguments):
    """Runs the program both ways; returns both directories."""
    for name, extra in (("threads", ["--workers=2"]), ("beam", ["--runner=DirectRunner"])):
        programs.run("preprocess.to_tfrecord", *arguments, f"--output_dir={tmp_path / name}", *extra)
    return tmp_path / "threads", tmp_path / "beam"


@needs_beam
@pytest.mark.parametrize(
    "arguments",
    [
        ["--train={0}/train-*", "--test={0}/test.txt", "--label_names={0}/labels.txt", "--points_per_shard=700"],
        [
            "--train={0}/train-*",
            "--valid_fraction=0.3",
            "--points_per_shard=64",
            "--feature_hash_dim=16",
            "--signed_hash",
        ],
        ["--train_features={0}/X.txt", "--train_labels={0}/Y.txt", "--feature_norm=none", "--points_per_shard=33"],
        ["--repository={0}/archive.zip", "--split_number=1", "--valid_fraction=0.2", "--points_per_shard=100"],
    ],
    ids=["two files", "valid_fraction", "split form", "archive with row numbers"],
)
def test_the_same_dataset(texts, tmp_path, arguments):
    threads, beam = _run_both(tmp_path, *(argument.format(texts) for argument in arguments))
    ours, theirs = DatasetManifest.read(str(threads)), DatasetManifest.read(str(beam))
    assert ours == theirs and ours.fingerprint == theirs.fingerprint
    for split in ours.splits:
        points, other = records.read_points(str(threads), ours, split), records.read_points(str(beam), theirs, split)
        assert len(points) == ours.splits[split].points > 0
        for name in ("row_splits", "feature_ids", "feature_values", "label_splits", "label_ids"):
            np.testing.assert_array_equal(getattr(points, name), getattr(other, name))
    assert _content(threads) == _content(beam)


@needs_beam
def test_the_same_lines_are_skipped(texts, tmp_path):
    lines = (texts / "train-1.txt").read_bytes().split(b"\n")
    for place in (17, 1500, 2999):
        lines[place] = b"x"
    path = tmp_path / "bad.txt"
    path.write_bytes(b"\n".join(lines))
    threads, beam = _run_both(tmp_path, f"--train={path},{texts}/train-2.txt.gz", "--on_bad_line=skip")
    assert len((threads / "skipped.txt").read_text().splitlines()) == 3
    assert _content(threads) == _content(beam)

    with pytest.raises(InputError, match=r"bad\.txt, line 18: .*--on_bad_line=skip"):
        programs.run(
            "preprocess.to_tfrecord", f"--train={path}", f"--output_dir={tmp_path / 'new'}", "--runner=DirectRunner"
        )
    assert not list(tmp_path.glob("new*"))


@needs_beam
def test_points_that_cannot_be_hashed_are_refused_as_without_beam(tmp_path):
    (tmp_path / "a").write_text("2 9 2\n0 1:1 2:1\n0 1:3e38 2:3e38\n")
    command = ["preprocess.to_tfrecord", f"--train={tmp_path}/a", "--feature_hash_dim=1"]
    messages = []
    for extra in ([], ["--runner=DirectRunner"]):
        with pytest.raises(InputError, match="a, lines 2 to 3: Raw features that share") as caught:
            programs.run(*command, f"--output_dir={tmp_path / 'out'}", *extra)
        messages.append(str(caught.value))
    assert messages[0] == messages[1] and sorted(os.listdir(tmp_path)) == ["a"]


@needs_beam
def test_a_damaged_file_is_refused_as_without_beam(texts, tmp_path):
    path = tmp_path / "cut.txt.gz"
    path.write_bytes((texts / "train-2.txt.gz").read_bytes()[:-2000])
    messages = []
    for extra in ([], ["--runner=DirectRunner"]):
        with pytest.raises(InputError) as caught:
            programs.run("preprocess.to_tfrecord", f"--train={path}", f"--output_dir={tmp_path / 'out'}", *extra)
        messages.append(str(caught.value))
    assert messages[0] == messages[1] and "cut off or damaged" in messages[0]


@pytest.mark.slow
@needs_beam
def test_worker_processes(texts, tmp_path):
    programs.run("preprocess.to_tfrecord", f"--train={texts}/train-1.txt", f"--output_dir={tmp_path / 'threads'}")
    options = "--direct_num_workers=2 --direct_running_mode=multi_processing"
    command = [sys.executable, "-m", "preprocess.to_tfrecord", f"--train={texts}/train-1.txt"]
    command += [f"--output_dir={tmp_path / 'beam'}", "--runner=DirectRunner", f"--beam_options={options}"]
    subprocess.run(command, check=True, timeout=300)
    assert _content(tmp_path / "threads") == _content(tmp_path / "beam")


@needs_beam
def test_a_job_server_that_cannot_be_downloaded_is_said(texts, tmp_path, monkeypatch):
    from apache_beam.runners.portability import prism_runner

    def refuse(url):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(prism_runner, "urlopen", refuse)
    monkeypatch.setattr(prism_runner.PrismJobServer, "BIN_CACHE", str(tmp_path / "cache"))
    command = ["preprocess.to_tfrecord", f"--train={texts}/train-1.txt", f"--output_dir={tmp_path / 'out'}"]
    with pytest.raises(InputError, match=r"PrismRunner must have a job server.*no network.*--prism_location"):
        programs.run(*command, "--runner=PrismRunner")
    assert not (tmp_path / "out").exists()


def test_without_beam_the_flag_says_what_to_install(texts, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "mach_tf.data.beam_conversion", raising=False)
    monkeypatch.delattr("mach_tf.data.beam_conversion", raising=False)
    with pytest.raises(InputError, match=r"pip install 'mach-tf\[beam\]'"):
        programs.run(
            "preprocess.to_tfrecord",
            f"--train={texts}/train-1.txt",
            f"--output_dir={tmp_path / 'out'}",
            "--runner=DirectRunner",
        )


def test_the_ordinary_path_does_not_import_beam():
    script = "import sys, preprocess.to_tfrecord; sys.exit('apache_beam' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
