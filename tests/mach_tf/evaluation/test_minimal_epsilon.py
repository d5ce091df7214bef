"""Bounds of the minimal epsilon: what is proved lies below what attacks find; quantiles by hand."""

import json

import numpy as np
import pytest

from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.errors import InputError
from mach_tf.evaluation.minimal_epsilon import MinimalEpsilon, minimal_epsilon
from mach_tf.network import Network
from mach_tf.points import from_csr
from tests.helpers import rankers


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("support", ["nonzero", "dense"])
def test_proofs_lie_below_attacks(evaluated, tmp_path, support, ranked):
    network = Network.load(evaluated.model_dir)
    if ranked:
        shape = network.labels, network.manifest.columns
        network = Network.load(rankers.with_ranker(evaluated.model_dir, str(tmp_path / "ranked"), *shape))
    points = network.manifest.feature_spec.apply(from_csr(*evaluated.test))[range(12)]
    found = minimal_epsilon(network, points, Attack("apgd", support=support, steps=4), 0.5, "logit_mean", prove=True)
    assert (
        (found.certified <= found.attacked).all() and (found.certified > 0).any() and np.isfinite(found.attacked).any()
    )
    assert (found.certified[np.isinf(found.attacked)] <= 0.5 * (1 + 1e-12)).all()
    # The ratio of the sizes that are certified bounds what is lost by taking no others.
    assert np.median(found.certified / np.minimum(found.attacked, 0.5)) > 0.2
    np.testing.assert_array_equal(
        found.top_labels, network.decode(points.features(network.manifest.columns), 1).labels[:, 0]
    )


def test_other_estimators_are_not_proved(evaluated):
    network = Network.load(evaluated.model_dir)
    with pytest.raises(InputError, match="logit_mean"):
        minimal_epsilon(network, from_csr(*evaluated.test), Attack("apgd"), 0.5, "mean", prove=True)


def by_hand(proved=True):
    return MinimalEpsilon(
        0.1,
        np.array([0, 1, 2, 2]),
        np.array([0.01, 0.02, 0.03, np.inf]),
        np.array([0.0, 0.015, 0.02, 0.1]) if proved else None,
        np.array([0, 0, 2], np.int8),
    )


def test_quantiles_by_frequency():
    content = json.loads(json.dumps(by_hand().to_json(), allow_nan=False))["top_labels"]
    assert {name: row["points"] for name, row in content.items()} == {"all": 4, "head": 2, "torso": 0, "tail": 2}
    assert content["all"]["attacked"] == {"10": 0.01, "25": 0.01, "50": 0.02, "75": 0.03, "90": 0.03}
    assert content["tail"]["certified"]["50"] == 0.02 and content["torso"]["attacked"]["50"] is None
    infinite = MinimalEpsilon(0.1, np.array([0, 1]), np.array([np.inf, np.inf]))
    assert infinite.to_json()["top_labels"] == {
        "all": {"points": 2, "attacked": dict.fromkeys(["10", "25", "50", "75", "90"])}
    }


@pytest.mark.parametrize("proved", [False, True])
def test_table_arrays_and_figure(proved):
    found = by_hand(proved)
    lines = str(found).splitlines()
    assert len(lines) == 3 + 4 and lines[-1].split()[:2] == ["tail", "2"]
    assert "certified" in lines[1] if proved else "certified" not in lines[1]
    assert set(found.arrays()) == {"top_labels", "attacked"} | ({"certified"} if proved else set())
    (panel,) = found.figure().axes
    assert len(panel.lines) == 3 * (1 + proved)  # no line for the torso
    shares = panel.lines[0].get_ydata()
    assert shares.max() == pytest.approx(75)
