"""Scores, differences and tables by hand, from results written as arms write them."""

import json

import numpy as np
import pytest
import scipy.sparse

from benchmarks import peers_results

# Four points with one label each, and two labels for the last.
TRUTH = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
TRAIN = np.array([[1, 0, 0]] * 6 + [[0, 1, 0]] * 3 + [[0, 0, 1]])


@pytest.fixture
def data(tmp_path):
    for name, y in (("train", TRAIN), ("test", TRUTH)):
        scipy.sparse.save_npz(tmp_path / f"{name}.y.npz", scipy.sparse.csr_matrix(y.astype(np.float32)))
    return tmp_path


def cell(data, arm, tops, seconds=4.0):
    outputs = []
    for seed, top in enumerate(tops):
        output = data / f"{arm}-{seed}"
        np.savez(f"{output}.npz", labels=np.array(top, np.int32))
        measured = {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_mb": 8.0, "milliseconds_per_point": 0.5}
        result = {"train": measured, "predict": measured, "model_mb": 2.0, "seed": seed}
        (data / f"{arm}-{seed}.json").write_text(json.dumps(result))
        outputs.append(str(output))
    return peers_results.read_cell(str(data), arm, outputs)


def test_metrics_and_costs_are_the_mean_of_the_runs(data):
    right = [[0, 1, 2], [1, 0, 2], [2, 0, 1], [0, 1, 2]]
    wrong = [[1, 2, 0], [0, 1, 2], [2, 1, 0], [2, 1, 0]]
    found = cell(data, "plan-clean", [right, wrong])
    assert found.per_point["P@1"].percent == pytest.approx(100 * (1 + 0.25) / 2)
    assert found.deviation["P@1"] == 37.5
    assert found.per_point["P@3"].percent == pytest.approx(100 * 5 / 12)
    assert "P@5" not in found.per_point, "only three labels are predicted"
    assert found.costs["train s"] == 4 and found.costs["train CPU s"] == 8 and found.costs["ms/point"] == 0.5
    assert found.costs["CPU ms/point"] == 2000
    plain = found.to_json()
    assert plain["seeds"] == 2 and plain["metrics"]["P@1"] == 62.5 and len(plain["runs"]) == 2


def test_rare_labels_count_more_in_psp(data):
    common = cell(data, "plt", [[[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1, 2]]])
    rare = cell(data, "bonsai", [[[1, 0, 2], [0, 1, 2], [2, 1, 0], [1, 0, 2]]])
    assert common.per_point["P@1"].percent == rare.per_point["P@1"].percent == 50
    assert rare.per_point["PSP@1"].percent > common.per_point["PSP@1"].percent


def test_differences_are_ours_minus_the_peers(data):
    ours = cell(data, "plan-clean", [[[0, 1, 2], [1, 0, 2], [2, 0, 1], [0, 1, 2]]], seconds=8.0)
    peers = [
        cell(data, "plt", [[[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1, 2]]], seconds=2.0),
        cell(data, "bonsai", [[[1, 0, 2]] * 4]),
    ]
    found = peers_results.differences([*peers, ours], samples=50)
    assert {*found} == {"plan-clean"} and {*found["plan-clean"]} == {"plt", "bonsai"}
    difference = found["plan-clean"]["plt"]["P@1"]
    assert difference.difference == 50 and difference.low <= 50 <= difference.high
    ratios = peers_results.ratios([*peers, ours])
    assert ratios["train s: plan-clean/plt"] == 4 and ratios["disk MB: plan-clean/bonsai"] == 1
    table = peers_results.metrics_table({"one": [peers[0], ours]}).splitlines()
    assert table[2].startswith("| one | plt | 1 | 50.00/")
    assert table[3].startswith("| one | plan-clean | 1 | 100.00/41.67/- |")
    best = peers_results.best_peer_table({"one": [*peers, ours]}, samples=50).splitlines()
    assert best[2].startswith(f"| one | plan-clean | +50.00 [{difference.low:+.2f}, {difference.high:+.2f}] plt |")
