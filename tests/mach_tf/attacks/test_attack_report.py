"""The report of an attack, by hand and against the metrics it is made of."""

import dataclasses
import json

import numpy as np
import pytest
import scipy.sparse

from mach_tf.attacks import attack_report
from mach_tf.attacks.attack_report import ReportOptions
from mach_tf.attacks.attack_run import Outcome
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.metrics import breakdown, ranking_metrics


def outcome(epsilon, top_labels, targets=None, norms=(0.5, 1.0, 0.0, 0.1)):
    top_labels = np.array(top_labels, np.int32)
    losses = np.linspace(0.1, 0.4, len(top_labels)) * (1 + epsilon)
    return Outcome(epsilon, top_labels, losses, np.array(norms), None if targets is None else np.array(targets))


LABELS = scipy.sparse.csr_matrix(
    np.array([[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]], np.float32)
)
CLEAN = outcome(0.0, [[0, 1], [2, 3], [3, 4], [0, 1]], norms=np.zeros(4))
ATTACKED = outcome(0.1, [[3, 1], [2, 4], [3, 0], [4, 1]])


def test_by_hand():
    options = ReportOptions(ks=(1, 2), groups=np.array([0, 0, 1, 2, 2], np.int8))
    (typed,) = attack_report.report(Attack("fgsm"), CLEAN, [ATTACKED], LABELS, options)
    entry = typed.to_json()
    assert {name: entry[name] for name in ("attack", "epsilon", "method", "objective", "support")} == {
        "attack": "fgsm",
        "epsilon": 0.1,
        "method": "fgsm",
        "objective": "loss",
        "support": "nonzero",
    }
    assert entry["metrics"]["P@1"] == pytest.approx(25)
    assert entry["metrics"]["P@2"] == pytest.approx(100 * 2 / 8)
    assert entry["lost"]["P@1"] == pytest.approx(50 - 25)
    assert entry["lost"]["P@2"] == pytest.approx(50 - 25)
    assert entry["metrics"]["coverage@2"] == pytest.approx(50)
    assert entry["loss"] == pytest.approx(0.25 * 1.1)
    # Of two points whose first label was true, one still has a true one.
    assert (entry["attempts"], entry["success_rate"]) == (2, 50)
    assert entry["relative_norm"] == {"mean": pytest.approx(0.4), "max": 1.0}
    groups = breakdown.by_frequency(ATTACKED.top_labels, LABELS, options.groups, 2)
    assert entry["by_frequency"] == {name: group.to_json() for name, group in groups.items()}
    assert not {"intervals", "steps", "seed", "relative_step"} & set(entry)
    json.dumps(entry, allow_nan=False)


@pytest.mark.parametrize(("objective", "expected"), [("push_out", [False, True]), ("push_in", [True, False])])
def test_success_of_targeted_attacks(objective, expected):
    attacked = outcome(0.1, ATTACKED.top_labels, targets=[1, -1, 4, -1])
    assert attack_report.success(CLEAN, attacked, LABELS, objective).tolist() == expected
    (typed,) = attack_report.report(Attack("pgd", objective), CLEAN, [attacked], LABELS, ReportOptions(ks=(1, 2)))
    entry = typed.to_json()
    assert (entry["attack"], entry["attempts"], entry["success_rate"]) == (f"{objective} (pgd)", 2, 50)
    assert {"steps", "relative_step", "random_start"} <= set(entry)


def test_the_worst_of_parts_is_taken_metric_by_metric():
    parts = {
        "first": outcome(0.1, [[0, 3], [2, 4], [4, 0], [4, 1]]),
        "second": outcome(0.1, [[3, 1], [3, 2], [0, 4], [4, 1]]),
    }
    chosen = dataclasses.replace(parts["first"], parts=parts)
    options = ReportOptions(ks=(1, 2))
    (both,) = attack_report.report(Attack("strongest"), CLEAN, [chosen], LABELS, options)
    single = [attack_report.report(Attack("fgsm"), CLEAN, [part], LABELS, options)[0] for part in parts.values()]
    assert [entry.metrics["P@1"] for entry in (*single, both)] == [75, 0, 0]
    # Each point has one hit in two labels of either part.
    assert [entry.metrics["P@2"] for entry in (*single, both)] == [37.5, 37.5, 37.5]
    assert both.metrics["nDCG@2"] <= min(entry.metrics["nDCG@2"] for entry in single)
    assert both.success_rate == 100 and both.to_json()["success_of_parts"] == {"first": 0, "second": 100}
    assert "success_of_parts" not in single[0].to_json()


def test_nothing_to_attack_is_no_success():
    attacked = outcome(0.1, ATTACKED.top_labels, targets=[-1] * 4)
    (entry,) = attack_report.report(Attack("pgd", "push_out"), CLEAN, [attacked], LABELS, ReportOptions(ks=(1,)))
    assert (entry.attempts, entry.success_rate) == (0, 0.0)


def test_intervals_hold_the_values():
    rng = np.random.default_rng(0)
    labels = scipy.sparse.csr_matrix(rng.random((300, 40)) < 0.1, dtype=np.float32)

    def random_outcome(epsilon, noise):
        ranked = np.argsort(noise * rng.random((300, 40)) - labels.toarray(), axis=1)[:, :5]
        return Outcome(epsilon, ranked, rng.random(300), rng.random(300))

    clean, attacked = random_outcome(0.0, 1.5), random_outcome(0.1, 3)
    options = ReportOptions(propensities=np.full(40, 0.5), bootstrap=200)
    (entry,) = attack_report.report(Attack("fgsm"), clean, [attacked], labels, options)
    assert entry.metrics == ranking_metrics.summary(attacked.top_labels, labels, (1, 3, 5), options.propensities)
    for name, (low, high) in entry.intervals.items():
        assert low < entry.metrics[name] < high
        assert entry.lost_intervals[name][0] < entry.lost[name] < entry.lost_intervals[name][1]
    assert entry.lost_intervals["P@1"][0] > 0
