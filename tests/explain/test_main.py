"""The program end to end: what it writes adds up and has names; wrong flags are refused."""

from __future__ import annotations

import importlib
import json
import os

import numpy as np
import pytest
import scipy.sparse
from absl import flags

from mach_tf import estimators, points
from mach_tf.data import libsvm
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.explanations.reporting.explanation_run import ExplanationOptions
from tests.helpers import programs
from tests.helpers import world as worlds


def explain(world, output_dir, *flags, text=None):
    paths = {"dataset_dir": world.dataset, "model_dir": world.model, "input": text or world.text}
    programs.run(
        "explain.main", *(f"--{k}={v}" for k, v in paths.items()), f"--output_dir={output_dir}", *map(str, flags)
    )
    with open(os.path.join(output_dir, "explanations.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_the_best_labels_explained(world, tmp_path, capsys):
    lines = explain(world, tmp_path, "--points=0,5,7", "--labels=top:3")
    assert [line["point"] for line in lines] == [0, 0, 0, 5, 5, 5, 7, 7, 7]
    ensemble = Ensemble.load(world.model)
    expected = ensemble.predict(world.features, 3, scores="logit")
    for line in lines:
        assert line["label"] == expected.indices[3 * line["point"] + line["rank"] - 1]
        assert line["score"] == pytest.approx(expected[line["point"], line["label"]], rel=1e-4)
        total = sum(feature["attribution"] for feature in line["attributions"])
        assert total - (line["score"] - line["baseline_score"]) == pytest.approx(line["completeness_gap"], abs=1e-9)
        assert abs(line["completeness_gap"]) < 1e-9
        assert line["label_name"].endswith(str(line["label"]))
        assert line["true"] == bool(world.labels[line["point"], line["label"]])
        sizes = [abs(feature["attribution"]) for feature in line["attributions"]]
        assert sizes == sorted(sizes, reverse=True)
        values = {feature["feature"]: feature["value"] for feature in line["attributions"]}
        row = world.features[line["point"]]
        assert values == pytest.approx(dict(zip(row.indices.tolist(), row.data.tolist())))
        np.testing.assert_allclose(
            np.mean([repetition["score"] for repetition in line["repetitions"]]), line["score"], rtol=1e-4
        )
        assert [r["bucket"] for r in line["repetitions"]] == ensemble.bucket_table[:, line["label"]].tolist()
        for neighbour in line["neighbours"]:
            same = ensemble.bucket_table[:, neighbour["label"]] == ensemble.bucket_table[:, line["label"]]
            assert neighbour["repetitions"] == np.flatnonzero(same).tolist()
    assert any(feature["shared"] for line in lines for feature in line["attributions"])
    printed = capsys.readouterr().out
    assert "report.html" in printed and "9 explanations" in printed
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<b>label" not in page and "<script>alert" not in page


def test_true_labels_and_ids(world, tmp_path):
    lines = explain(world, tmp_path, "--points=all", "--labels=true", "--epsilon=0")
    assert [(line["point"], line["label"]) for line in lines] == list(
        zip(*(a.tolist() for a in world.labels.nonzero()))
    )
    assert all(line["true"] for line in lines)
    lines = explain(world, tmp_path, "--points=2-3", "--labels=29,4")
    assert [(line["point"], line["label"]) for line in lines] == [(2, 29), (2, 4), (3, 29), (3, 4)]


@pytest.mark.parametrize("estimator", ["mean", "logit_mean", "min", "median"])
@pytest.mark.parametrize("method", ["exact", "tape"])
def test_methods_and_estimators(world, tmp_path, estimator, method):
    flags = ["--points=1", "--labels=3", f"--estimator={estimator}", f"--method={method}"]
    if method == "tape":
        flags += ["--steps=2000", "--rule=midpoint"]
    if method == "exact" and estimator in ("min", "median"):
        with pytest.raises(InputError, match="--method=tape"):
            explain(world, tmp_path, *flags)
        return
    (line,) = explain(world, tmp_path, *flags)
    ensemble = Ensemble.load(world.model)
    logits = ensemble.bucket_logits(ensemble.hash(world.features[1]))
    scores = estimators.bucket_scores(logits, estimator)
    expected = estimators.label_scores(scores, ensemble.bucket_table, np.array([[3]]), estimator)[0, 0]
    assert line["score"] == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("baseline", ["mean", "point:4"])
def test_other_baselines(world, tmp_path, baseline):
    (line,) = explain(world, tmp_path, "--points=1", "--labels=3", f"--baseline={baseline}")
    ensemble = Ensemble.load(world.model)
    hashed = ensemble.hash(world.features)
    start = scipy.sparse.csr_matrix(hashed.mean(axis=0)) if baseline == "mean" else hashed[4]
    logits = ensemble.bucket_logits(start)
    expected = estimators.label_scores(logits, ensemble.bucket_table, np.array([[3]]), "logit_mean")[0, 0]
    assert line["baseline_score"] == pytest.approx(float(expected), rel=1e-4)
    absent = [feature for feature in line["attributions"] if feature["value"] == 0]
    assert absent and all((feature["feature"] is None) == (baseline == "mean") for feature in absent)


def test_the_split_form_is_explained_alike(world, tmp_path):
    flags = ["--points=0-3", "--labels=true"]
    expected = explain(world, tmp_path, *flags)
    x, y = str(tmp_path / "x.txt"), str(tmp_path / "y.txt")
    worlds.write_split_form(x, world.features)
    worlds.write_split_form(y, world.labels)
    assert explain(world, tmp_path, *flags, f"--input_labels={y}", text=x) == expected


def test_text_for_prediction_has_no_truth(world, tmp_path):
    path = str(tmp_path / "unlabelled.txt")
    worlds.write_text(path, world.features, scipy.sparse.csr_matrix(world.labels.shape))
    lines = explain(world, tmp_path, "--points=0", "--labels=top:1", text=path)
    assert lines[0]["true"] is None


def test_a_point_without_features_is_explained_by_nothing(world, tmp_path):
    path = str(tmp_path / "empty.txt")
    features = world.features.copy()
    features.data[features.indptr[0] : features.indptr[1]] = 0
    features.eliminate_zeros()
    worlds.write_text(path, features, world.labels)
    lines = explain(world, tmp_path, "--points=0", "--labels=top:1", text=path)
    assert lines[0]["attributions"] == [] and lines[0]["score"] == lines[0]["baseline_score"]


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (["--points=99"], "0 to 11"),
        (["--labels=30"], "0 to 29"),
        (["--labels=best"], "top:N, true, all"),
        (["--baseline=none"], "zero, mean"),
        (["--method=tape", "--steps=1"], "raise --steps"),
        (["--steps=100"], r"--steps has no effect with --method=exact: it is for --method=tape\|shapley"),
        (["--top_features=3"], "--top_features has no effect with --labels=top:3: it is for --labels=all"),
        (["--method=shapley", "--rule=midpoint"], "--rule has no effect with --method=shapley"),
        (["--model_dir=nowhere"], "nowhere"),
        (["--epsilon=nan"], "--epsilon must be a finite number"),
        (["--labels=all", "--points=0"], "--points means nothing there"),
        (["--labels=all", "--baseline=mean"], "--baseline means nothing there"),
        (["--labels=all", "--epsilon=0.1"], "--epsilon means nothing there"),
    ],
)
def test_refusals(world, tmp_path, flags, rule):
    with pytest.raises(InputError, match=rule):
        explain(world, tmp_path, *flags)
    assert not os.path.exists(tmp_path / "explanations.jsonl")


def test_flags_that_are_left_out_have_the_librarys_defaults():
    programs.forget_flags()
    importlib.import_module("explain.main")
    for name in ("points", "baseline", "epsilon", "features_shown", "labels"):
        assert flags.FLAGS[name].default == getattr(ExplanationOptions, name)


def test_the_text_must_be_of_the_same_data(world, tmp_path):
    path = str(tmp_path / "other.txt")
    worlds.write_text(path, world.features[:, :59], world.labels)
    with pytest.raises(InputError, match=r"other.txt, line 1: the header must say 60 features and 30 labels.*59"):
        explain(world, tmp_path, text=path)


def test_without_input_the_text_of_the_split_must_still_be_there(world, tmp_path):
    with pytest.raises(InputError, match="give it with --input"):
        programs.run(
            "explain.main",
            f"--dataset_dir={world.dataset}",
            f"--model_dir={world.model}",
            f"--output_dir={tmp_path}",
        )


def test_points_in_memory_are_the_texts(world):
    from mach_tf.explanations.reporting.point_files import BagFile, read_files
    from mach_tf.manifest import DatasetManifest

    read = read_files([BagFile(libsvm.TextInput(world.text), DatasetManifest.read(world.dataset))]).points
    expected = points.from_csr(world.features, world.labels)
    np.testing.assert_array_equal(read.feature_values, expected.feature_values)
    np.testing.assert_array_equal(read.label_ids, expected.label_ids)
