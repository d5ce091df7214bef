"""The JSON and the tables of a trial, against values written by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.explanations.trials.trial_results import (
    AreaBetween,
    Faithfulness,
    FaithfulnessTrial,
    Interval,
    MeanCurves,
    MethodMeasures,
    Ranked,
    Stability,
    defined_interval,
    ranking,
)

_A, _B = Interval(0.5, 0.25, 0.75), Interval(1.0, 0.0, 2.0)


def trial():
    faithfulness = Faithfulness(
        [0.0, 1.0],
        {"gradient_x_input": MeanCurves([1.0, 0.0], [0.0, 1.0])},
        {"integrated_gradients over random": AreaBetween(_A, _B)},
        {"random": {"10%": _A, "20%": _B}},
        {"random": {"10%": _B, "20%": _A}},
        (Ranked("shapley", _B, None), Ranked("random", _A, _A)),
        {"gradient_x_input": MethodMeasures(_A, _B, _A)},
    )
    stable = (Stability("models/clean/", 0.02, _A, _B, _A, _B),)
    return FaithfulnessTrial(9, "test", "each point's best", "mean", faithfulness, stable, {"all layers": _A})


def test_json_has_the_documented_layout():
    a, b = {"mean": 0.5, "low": 0.25, "high": 0.75}, {"mean": 1.0, "low": 0.0, "high": 2.0}
    value = trial().to_json()
    assert json.loads(json.dumps(value)) == value
    assert list(value.items()) == list(
        {
            "points": 9,
            "split": "test",
            "label": "each point's best",
            "estimator": "mean",
            "fractions": [0.0, 1.0],
            "curves": {"gradient_x_input": {"deletion": [1.0, 0.0], "insertion": [0.0, 1.0]}},
            "areas": {"integrated_gradients over random": {"deletion": a, "insertion": b}},
            "comprehensiveness": {"random": {"10%": a, "20%": b}},
            "sufficiency": {"random": {"10%": b, "20%": a}},
            "ranking": [{"name": "shapley", "area": b, "behind": None}, {"name": "random", "area": a, "behind": a}],
            "measures": {"gradient_x_input": {"gini": a, "infidelity": b, "faithfulness_correlation": a}},
            "stability": [
                {
                    "model": "models/clean/",
                    "epsilon": 0.02,
                    "rank_correlation": a,
                    "top_10_overlap": b,
                    "label_kept": a,
                    "max_sensitivity": b,
                }
            ],
            "randomisation": {"all layers": a},
        }.items()
    )


def test_tables_show_every_number():
    ranked, areas, lost, measures, stable, randomised = (
        [line.split() for line in table.splitlines()] for table in str(trial()).split("\n\n")
    )
    assert ranked[2] == ["1", "shapley", "1.000", "(0.000", "to", "2.000)"]
    assert ranked[3] == ["2", "random", *["0.500", "(0.250", "to", "0.750)"] * 2]
    assert areas[2:] == [
        ["integrated", "gradients", "over", "random", "deletion", "0.500", "0.250", "0.750"],
        ["integrated", "gradients", "over", "random", "insertion", "1.000", "0.000", "2.000"],
    ]
    assert lost[0][-2:] == ["10%", "20%"]
    assert lost[2][0] == "comprehensiveness:" and lost[2][-3:] == ["random", "0.500", "1.000"]
    assert lost[3][0] == "sufficiency:" and lost[3][-3:] == ["random", "1.000", "0.500"]
    assert stable[2] == [
        "clean",
        "0.02",
        "0.500",
        "(0.250",
        "to",
        "0.750)",
        "1.000",
        "(0.000",
        "to",
        "2.000)",
        "0.500",
        "(0.250",
        "to",
        "0.750)",
        "1.000",
        "(0.000",
        "to",
        "2.000)",
    ]
    assert measures[2][:3] == ["gradient", "x", "input"] and measures[2][3::4] == ["0.500", "1.000", "0.500"]
    assert randomised[2] == ["all", "layers", "0.500", "(0.250", "to", "0.750)"]


def test_undefined_values_are_left_out():
    assert defined_interval(np.array([np.nan, 2.0, 4.0]), "models/a", 0).mean == 3
    with pytest.raises(InputError, match="models/a gives all features of a point the same"):
        defined_interval(np.array([np.nan]), "models/a", 0)


def test_an_interval_holds_its_mean():
    values = np.random.default_rng(0).random(40)
    found = Interval.of(values, 3)
    assert found.mean == pytest.approx(values.mean()) and found.low < found.mean < found.high
    assert found == Interval.of(values, 3)


def test_orders_are_ranked_by_their_means_and_compared_point_by_point():
    generator = np.random.default_rng(1)
    noise = generator.standard_normal(50)
    found = ranking({"low": noise, "high": noise + 0.1, "middle": noise + 0.05}, 0)
    assert [order.name for order in found] == ["high", "middle", "low"] and found[0].behind is None
    assert found[2].behind.mean == pytest.approx(0.1) and found[2].behind.low == pytest.approx(0.1)
