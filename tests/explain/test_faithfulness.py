"""The program end to end: its files, its numbers against their definitions, and its refusals."""

from __future__ import annotations

import json

import pytest

from mach_tf.errors import InputError
from tests.helpers import programs


def run(world, output_dir, *flags):
    programs.run(
        "explain.faithfulness",
        f"--dataset_dir={world.dataset}",
        f"--model_dir={world.model}",
        f"--output_dir={output_dir}",
        *flags,
    )
    return json.loads((output_dir / "faithfulness.json").read_text())


def test_writes_curves_areas_and_stability(world, tmp_path, capsys):
    found = run(world, tmp_path, "--sample_points=10", "--epsilon=0.01,0.3", f"--compare_model_dir={world.model}")
    methods = {"integrated_gradients", "gradient_x_input", "shapley", "expected_gradients", "random"}
    assert found["points"] == 10 and set(found["curves"]) == methods == {order["name"] for order in found["ranking"]}
    assert found["ranking"][-1]["name"] == "random" and found["ranking"][-1]["behind"]["low"] > 0
    ours = found["curves"]["integrated_gradients"]
    for curves in found["curves"].values():
        # In any order, removing all features leaves none, and adding all leaves none out.
        assert curves["deletion"][0] == pytest.approx(ours["insertion"][-1], rel=1e-5)
        assert curves["deletion"][-1] == pytest.approx(ours["insertion"][0], rel=1e-5)
    lost = found["comprehensiveness"]["random"]["10%"]["mean"]
    at = found["fractions"].index(0.1)
    assert lost == pytest.approx(ours["deletion"][0] - found["curves"]["random"]["deletion"][at], rel=1e-4, abs=1e-6)
    for area in found["areas"].values():
        assert area["deletion"]["low"] <= area["deletion"]["mean"] <= area["deletion"]["high"]
    assert found["areas"]["integrated_gradients over random"]["deletion"]["mean"] > 0
    small, other, large, _ = found["stability"]
    assert {k: v for k, v in small.items() if k != "model"} == {k: v for k, v in other.items() if k != "model"}
    assert small["rank_correlation"]["mean"] > large["rank_correlation"]["mean"]
    assert (tmp_path / "faithfulness.png").read_bytes()[:4] == b"\x89PNG"
    assert "top-10 overlap" in capsys.readouterr().out


def test_the_same_seed_gives_the_same(world, tmp_path):
    assert run(world, tmp_path, "--sample_points=5") == run(world, tmp_path, "--sample_points=5")


@pytest.mark.parametrize("value", ["0", "-1", "x", "inf"])
def test_refuses_epsilons(world, tmp_path, value):
    with pytest.raises(InputError, match="--epsilon must be positive"):
        run(world, tmp_path, f"--epsilon={value}")
