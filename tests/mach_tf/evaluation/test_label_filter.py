"""Pairs that are left out of predictions and truth: how they are read, and that metrics are as the repository's scripts have them."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf import estimators, points
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.evaluation.label_filter import LabelFilter, read_label_filter
from mach_tf.evaluation.robustness_comparison import compare_robustness
from mach_tf.manifest import DatasetManifest
from tests.helpers import model_directory, programs


@pytest.fixture
def read(evaluated, tmp_path):
    dataset = DatasetManifest.read(evaluated.dataset_dir)

    def read(content, n_points=25):
        path = tmp_path / "filter.txt"
        path.write_bytes(content)
        return read_label_filter(str(path), evaluated.dataset_dir, dataset, "test", n_points)

    return read


@pytest.mark.parametrize(
    "content",
    [b"3 17\n0 2\n24 29\n0 2\n", b"3\t17\r\n0 2\r\n24 29\r\n", b"3 17\n\n0 2\n24 29", b" 3 17 \n0  2\n24 29\n\n"],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_pairs_are_read(read, content, compress):
    found = read(compress(content))
    assert sorted(zip(*map(list, found.excluded.nonzero()))) == [(0, 2), (3, 17), (24, 29)]
    assert found.to_json()["pairs"] == 3 and found.excluded.shape == (25, 30)


def test_an_empty_file_and_a_part_of_the_points(read):
    assert read(b"").excluded.nnz == 0
    assert read(b"3 17\n0 2\n24 29\n", n_points=4).excluded.shape == (4, 30)
    assert read(b"3 17\n0 2\n24 29\n", n_points=4).excluded.nnz == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"0 1\n\n3\n", r"line 3 \('3'\): a line must be a point and a label"),
        (b"0 1\n3 4 5\n", r"line 2 \('3 4 5'\): a line must be"),
        (b"0 1\n3 4 5\n6\n", r"line 2 \('3 4 5'\): a line must be"),
        (b"0,1\n", r"line 1 \('0,1'\)"),
        (b"0 -1\n", r"line 1 \('0 -1'\)"),
        (b"1.0 2\n", r"line 1"),
        (b"0 1\n\n25 1\n", r"line 3 \('25 1'\): a pair must name a point below 25 and a label below 30"),
        (b"0 30\n", r"line 1 \('0 30'\): a pair must name"),
    ],
)
def test_bad_lines_are_named(read, content, message):
    with pytest.raises(InputError, match=message):
        read(content)


def test_truth_loses_the_pairs_alone():
    labels = np.random.default_rng(0).random((9, 7)) < 0.4
    excluded = np.random.default_rng(1).random((9, 7)) < 0.3
    raw = points.from_csr(scipy.sparse.eye(9, 3, format="csr"), scipy.sparse.csr_matrix(labels))
    left = LabelFilter("path", "hash", scipy.sparse.csr_matrix(excluded)).truth(raw)
    np.testing.assert_array_equal(left.labels(7).toarray(), labels & ~excluded)
    assert left.label_ids.dtype == left.label_splits.dtype == np.int64 and left.feature_ids is raw.feature_ids


def repository_precision(evaluated, pairs, k):
    """P@k as the repository's scripts have it: scores and labels of the pairs become 0 before the ranking."""
    ensemble = Ensemble.load(evaluated.model_dir)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(evaluated.test[0])).features(40)
    logits = model_directory.logits(evaluated.weights, hashed)
    scores = estimators.label_scores(
        estimators.bucket_scores(logits, "logit_mean"),
        ensemble.bucket_table,
        np.tile(np.arange(30), (25, 1)),
        "logit_mean",
    )
    scores = 1 / (1 + np.exp(-scores.astype(np.float64)))
    truth = evaluated.test[1].toarray().copy()
    for point, label in pairs:
        scores[point, label] = truth[point, label] = 0
    top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return 100 * np.take_along_axis(truth, top, axis=1).mean()


@pytest.fixture(scope="module")
def filtered(evaluated, tmp_path_factory):
    """Pairs that matter: each point's best two labels, and one of its true ones."""
    best, _ = Ensemble.load(evaluated.model_dir).top_k(evaluated.test[0], k=2)
    pairs = {(point, int(label)) for point in range(0, 25, 2) for label in best[point]}
    truth = evaluated.test[1]
    pairs |= {(point, int(truth[point].indices[0])) for point in range(25) if truth[point].nnz}
    path = tmp_path_factory.mktemp("pairs") / "filter_labels_test.txt"
    path.write_text("".join(f"{point} {label}\n" for point, label in sorted(pairs)))
    return str(path), pairs


def test_metrics_are_those_of_the_repositorys_scripts(evaluated, filtered, tmp_path, capsys):
    path, pairs = filtered
    programs.run(
        "eval.main",
        f"--dataset_dir={evaluated.dataset_dir}",
        f"--model_dir={evaluated.model_dir}",
        f"--output_dir={tmp_path}",
        f"--filter_labels={path}",
        "--bootstrap=0",
        "--attack=fgsm,push_out,push_in",
        "--epsilon=0",
    )
    report = json.loads((tmp_path / "metrics.json").read_text())
    for k in (1, 3, 5):
        assert report["metrics"][f"P@{k}"] == pytest.approx(repository_precision(evaluated, pairs, k))
    for entry in report["attacks"]:
        assert entry["metrics"] == pytest.approx(report["metrics"])
    assert report["repetition_curve"][-1]["metrics"] == report["metrics"]
    assert report["filter_labels"]["path"] == path and report["filter_labels"]["pairs"] == len(pairs)
    assert f"{len(pairs)} pairs of points and labels are left out: {path}" in capsys.readouterr().out
    plain = mach_tf.evaluate(evaluated.model_dir, evaluated.dataset_dir, bootstrap=0)
    assert plain.metrics != report["metrics"] and "filter_labels" not in plain.to_json()


def test_evaluations_with_other_pairs_are_not_compared(evaluated, filtered, tmp_path):
    options = {"bootstrap": 0, "repetition_curve": False, "adversarial_loss": False}
    mach_tf.evaluate(
        evaluated.model_dir, evaluated.dataset_dir, output_dir=str(tmp_path), filter_labels=filtered[0], **options
    )
    earlier = {"compare": str(tmp_path / "metrics.json"), **options}
    same = mach_tf.evaluate(evaluated.model_dir, evaluated.dataset_dir, filter_labels=filtered[0], **earlier)
    assert same.comparison.differences["P@1"].difference == 0
    with pytest.raises(InputError, match=r"leaves out the same pairs .*\(got a file with SHA-256 .*, and none here\)"):
        mach_tf.evaluate(evaluated.model_dir, evaluated.dataset_dir, **earlier)


def test_models_under_attack_are_compared_without_the_pairs(evaluated, filtered):
    found = compare_robustness(
        [evaluated.model_dir], evaluated.dataset_dir, epsilons=[0], bootstrap=0, filter_labels=filtered[0]
    )
    (entry,) = found.models[evaluated.model_dir]
    assert entry.metrics["P@3"] == pytest.approx(repository_precision(evaluated, filtered[1], 3))
    assert found.to_json()["filter_labels"]["pairs"] == len(filtered[1])


def test_points_whose_numbers_are_unknown_are_refused(tmp_path):
    lines = "".join(f"{i % 3} {i % 5}:1\n" for i in range(40))
    (tmp_path / "train.txt").write_text(f"40 5 3\n{lines}")
    (tmp_path / "test.txt").write_text("3 5 3\n0 1:1\nbad\n1 2:1\n")
    (tmp_path / "pairs.txt").write_text("0 1\n")
    made = {
        "skipped": {"test": str(tmp_path / "test.txt"), "on_bad_line": "skip"},
        "parts": {"valid_fraction": 0.5},
    }
    for name, options in made.items():
        directory = str(tmp_path / name)
        mach_tf.preprocess(directory, train=str(tmp_path / "train.txt"), progress=False, **options)
        dataset = DatasetManifest.read(directory)
        split = "test" if name == "skipped" else "valid"
        with pytest.raises(InputError, match=r"filter_labels counts the points of the text, but"):
            read_label_filter(str(tmp_path / "pairs.txt"), directory, dataset, split, 1)
