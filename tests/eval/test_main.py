"""eval.main through its flags: what it writes, against NumPy; and what it refuses."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from tensorflow.python.summary.summary_iterator import summary_iterator

from mach_tf import estimators, points
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.metrics import bootstrap, ranking_metrics
from tests.helpers import model_directory, programs

PNG = b"\x89PNG\r\n\x1a\n"


def evaluate(evaluated, output_dir, *arguments):
    programs.run(
        "eval.main",
        f"--dataset_dir={evaluated.dataset_dir}",
        f"--model_dir={evaluated.model_dir}",
        f"--output_dir={output_dir}",
        *arguments,
    )
    return json.loads((output_dir / "metrics.json").read_text())


def expected_top(evaluated, estimator, k, repetitions=3):
    """By scoring every label of the NumPy network."""
    ensemble = Ensemble.load(evaluated.model_dir)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(evaluated.test[0])).features(40)
    scores = estimators.bucket_scores(model_directory.logits(evaluated.weights, hashed), estimator)[:, :repetitions]
    every = estimators.label_scores(
        scores, ensemble.bucket_table[:repetitions], np.tile(np.arange(30), (25, 1)), estimator
    )
    return np.argsort(-every, axis=1, kind="stable")[:, :k]


def precision(evaluated, top, k):
    truth = evaluated.test[1].toarray()
    return 100 * np.mean([truth[i, row[:k]].mean() for i, row in enumerate(top)])


@pytest.fixture(scope="module")
def full(evaluated, tmp_path_factory):
    """One evaluation with everything asked for."""
    output_dir = tmp_path_factory.mktemp("full")
    report = evaluate(
        evaluated, output_dir, "--estimator=all", "--attack=fgsm,pgd", "--epsilon=0,0.05", "--bootstrap=50", "--k=1,4"
    )
    return output_dir, report


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("k", [1, 4])
def test_each_estimators_metrics(evaluated, full, estimator, k):
    top = expected_top(evaluated, estimator, 4)
    assert full[1]["estimators"][estimator][f"P@{k}"] == pytest.approx(precision(evaluated, top, k))


def test_the_report_has_what_the_format_promises(evaluated, full):
    _, report = full
    assert report["points"] == 25 and report["estimator"] == "logit_mean" and report["repetitions"] == 3
    assert report["metrics"] == report["estimators"]["logit_mean"]
    wanted = {f"{kind}@{k}" for kind in ("P", "nDCG", "PSP", "PSnDCG", "R", "RP", "coverage") for k in (1, 4)}
    assert set(report["metrics"]) == wanted
    assert set(report["intervals"]) == {name for name in wanted if not name.startswith("coverage")}
    assert report["by_frequency"].keys() == {"head", "torso", "tail"}
    assert sum(group["P@4"] for group in report["by_frequency"].values()) == pytest.approx(report["metrics"]["P@4"])
    assert report["calibration"].keys() == set(estimators.ESTIMATORS)
    assert report["decoding"]["mode"] == "exact" and report["decoding"]["labels_scored"]["mean"] == 30


def test_propensities_come_from_the_training_split(evaluated, full):
    from mach_tf.manifest import DatasetManifest
    from mach_tf.metrics.propensity import propensities

    counts = DatasetManifest.read(evaluated.dataset_dir).label_counts(evaluated.dataset_dir)
    truth = points.from_csr(*evaluated.test).labels(30)
    expected = ranking_metrics.summary(
        expected_top(evaluated, "logit_mean", 4), truth, [1, 4], propensities(counts, 40)
    )
    assert full[1]["metrics"] == pytest.approx(expected)


def test_the_curve_over_repetitions(evaluated, full):
    curve = {entry["repetitions"]: entry["metrics"]["P@4"] for entry in full[1]["repetition_curve"]}
    for count in (1, 2, 3):
        assert curve.pop(count) == pytest.approx(
            precision(evaluated, expected_top(evaluated, "logit_mean", 4, count), 4)
        )
    assert not curve


def test_attacks(full):
    attacks = full[1]["attacks"]
    assert [(entry["attack"], entry["epsilon"], entry["support"]) for entry in attacks] == [
        ("fgsm", 0, "nonzero"), ("fgsm", 0.05, "nonzero"), ("pgd", 0, "nonzero"), ("pgd", 0.05, "nonzero"),
    ]  # fmt: skip
    for entry in attacks:
        assert set(entry["metrics"]) == set(full[1]["metrics"])
        if entry["epsilon"] == 0:
            assert entry["metrics"] == pytest.approx(full[1]["metrics"])
    assert attacks[1]["loss"] > attacks[0]["loss"] and attacks[3]["loss"] > attacks[0]["loss"]


def test_attacks_that_end_badly_leave_the_evaluation(evaluated, tmp_path, monkeypatch):
    def end_badly(*_, **__):
        raise MemoryError

    monkeypatch.setattr("mach_tf.evaluation.attack_evaluation.evaluate_attacks", end_badly)
    with pytest.raises(MemoryError):
        evaluate(evaluated, tmp_path, "--attack=fgsm", "--epsilon=0.05")
    report = json.loads((tmp_path / "metrics.json").read_text())
    top = expected_top(evaluated, "logit_mean", 5)
    assert report["metrics"]["P@5"] == pytest.approx(precision(evaluated, top, 5)) and report["attacks"] is None


def test_certificates(evaluated, tmp_path, capsys):
    report = evaluate(evaluated, tmp_path, "--certify=0.001,0.1", "--limit=5", "--k=1", "--bootstrap=0")
    small, large = report["certificates"]["sizes"]
    assert (small["epsilon"], large["epsilon"]) == (0.001, 0.1)
    assert large["metrics"]["certified P@1"] <= small["metrics"]["certified P@1"] <= report["metrics"]["P@1"]
    assert "certified P@1" in capsys.readouterr().out


def test_losses(evaluated, full):
    ensemble = Ensemble.load(evaluated.model_dir)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(evaluated.test[0])).features(40)
    logits = model_directory.logits(evaluated.weights, hashed).astype(np.float64)
    truth = evaluated.test[1].toarray()
    buckets = np.stack([truth @ np.eye(8)[row] > 0 for row in ensemble.bucket_table], axis=1)
    clean = (np.logaddexp(0, logits) - logits * buckets).mean()
    loss = full[1]["loss"]
    assert loss["clean"] == pytest.approx(clean, rel=1e-5)
    assert loss["adversarial"] > loss["clean"] and loss["epsilon"] == model_directory.EPSILON


@pytest.mark.parametrize("file", ["robustness.png", "calibration.png", "repetitions.png"])
def test_plots(full, file):
    assert (full[0] / file).read_bytes().startswith(PNG)


def test_tensorboard_holds_every_metric_and_the_figures(full):
    tags = {
        (value.tag, event.step)
        for path in full[0].glob("tensorboard/**/events*")
        for event in summary_iterator(str(path))
        for value in event.summary.value
    }
    assert {(f"metrics/{name}", 0) for name in full[1]["metrics"]} <= tags
    assert {("loss/clean", 0), ("loss/adversarial", 0), ("repetitions/P@1", 2), ("calibration", 0)} <= tags
    assert ("robustness", 0) in tags and ("fgsm/P@1", 50_000) in tags
    assert {("expected_calibration_error/min", 0), ("by_frequency/tail R@4", 0)} <= tags
    assert ("pgd by frequency/head P@4", 50_000) in tags


def test_approximate_decoding_prints_its_recall(evaluated, tmp_path, capsys):
    report = evaluate(
        evaluated, tmp_path, "--decode=approximate", "--approximate_buckets=2", "--approximate_repetitions=1",
        "--norepetition_curve", "--noadversarial_loss", "--bootstrap=0",
    )  # fmt: skip
    recall = report["decoding"]["recall"]["logit_mean"]
    assert 0.5 < recall < 1
    assert f"recall of the exact top 5: {100 * recall:.2f}%" in capsys.readouterr().out
    assert report["repetition_curve"] == [] and report["loss"]["adversarial"] is None and report["intervals"] == {}


def test_comparing_with_itself_shows_no_difference(evaluated, full, tmp_path, capsys):
    report = evaluate(evaluated, tmp_path, f"--compare={full[0]}/metrics.json", "--k=1,4", "--bootstrap=20")
    differences = report["compare"]["differences"]
    assert all(difference == {"difference": 0, "low": 0, "high": 0} for difference in differences.values())
    assert "P@4       +0.00" in capsys.readouterr().out


def test_an_objective_ranks_for_another_metric(evaluated, full, tmp_path):
    report = evaluate(evaluated, tmp_path, "--objective=psp", "--k=1,4")
    assert report["objective"] == "psp" and report["propensity"] == "default"
    assert report["metrics"]["PSP@4"] != full[1]["metrics"]["PSP@4"]


def test_only_some_points_and_repetitions(evaluated, tmp_path):
    report = evaluate(evaluated, tmp_path, "--limit=7", "--repetitions=2", "--k=3")
    top = expected_top(evaluated, "logit_mean", 3, repetitions=2)[:7]
    assert report["points"] == 7 and report["repetitions"] == 2
    assert report["metrics"]["P@3"] == pytest.approx(precision(evaluated, top, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--k=0"], r"--k must be a list of positive whole numbers \(got 0\)"),
        (["--k=1,x"], r"--k must be a list"),
        (["--certify=0.1,x"], r"--certify must be a list of different numbers that are not negative \(got 0\.1,x\)"),
        (["--certify=-1"], r"--certify must be .*\(got -1.0\)"),
        (["--certify=0.1", "--estimator=mean"], r"Certificates need the estimator logit_mean"),
        (["--k=31"], r"--k must not exceed the 30 labels \(got 31\)"),
        (["--estimator=max"], r"--estimator must be all, or a list"),
        (["--estimator=mean,mean"], r"list of different ones"),
        (["--attack=shout"], r"--attack must be a list"),
        (["--objective=psp", "--attack=fgsm"], r"^--objective=psp must be left out with attacks"),
        (["--objective=psp", "--estimator=mean"], r"^--objective=psp needs the estimator logit_mean"),
        (["--split=valid"], r"no 'valid' split; it has"),
        (["--repetitions=4"], r"has 3 repetitions; ask for 1 to 3"),
        (["--attack=push_in", "--target_label=30"], r"--target_label must hold label ids in \[0, 30\)"),
        (["--attack=push_in", "--k=30"], r"k below the 30 labels"),
        (["--attack=pgd", "--target_label=3"], r"give it with --attack=push_in"),
        (
            ["--decode=approximate", "--approximate_buckets=1", "--approximate_repetitions=3", "--limit=1"],
            r"must find a label .*raise --approximate_buckets",
        ),
        (["--compare=nowhere/metrics.json"], r"holds no evaluation; make one with mach-eval"),
    ],
)
def test_refusals(evaluated, tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        evaluate(evaluated, tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--k=2,3"], r"--compare must name an evaluation that shares a cut-off \(got P@1, P@4; --k=2,3 here\)"),
        (["--k=1", "--propensity=amazon"], r"same --propensity=amazon \(got default\)"),
    ],
)
def test_a_comparison_of_other_metrics_is_refused(evaluated, full, tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        evaluate(evaluated, tmp_path / "out", f"--compare={full[0]}/metrics.json", *arguments)


def test_points_of_another_evaluation_are_refused(evaluated, full, tmp_path):
    shutil.copy(full[0] / "metrics.json", tmp_path / "metrics.json")
    bootstrap.write_points(str(tmp_path / "per_point.npz"), {"P@1": ranking_metrics.PerPoint(np.ones(7), np.ones(7))})
    with pytest.raises(InputError, match=r"per_point\.npz must be of the evaluation in .*, 25 points"):
        evaluate(evaluated, tmp_path / "out", f"--compare={tmp_path}/metrics.json", "--k=1")


def test_a_comparison_of_other_points_is_refused(evaluated, full, tmp_path):
    with pytest.raises(InputError, match=r"must name an evaluation of the same points: 7 .*\(got 25 points"):
        evaluate(evaluated, tmp_path / "out", "--limit=7", f"--compare={full[0]}/metrics.json")
