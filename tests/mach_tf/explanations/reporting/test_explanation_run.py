"""Explanations written from Python: the files, the summary, and settings that are refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.errors import InputError
from mach_tf.explanations import supporting_points
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.explanations.reporting import explanation_run
from mach_tf.explanations.reporting.explanation_inputs import open_inputs
from mach_tf.explanations.reporting.explanation_run import ExplanationOptions, write_explanations
from tests.helpers import world as worlds


@pytest.fixture(scope="module")
def inputs(world):
    return open_inputs(world.dataset, world.model, world.text)


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_writes_both_files_and_says_what_it_wrote(inputs, tmp_path):
    written = write_explanations(inputs, ExplanationOptions("0,5,7", "top:3"), str(tmp_path / "new"))
    lines = lines_of(written.lines_file)
    assert written.count == len(lines) == 9
    assert [(one.point, one.label, one.score) for one in written.first] == [
        (line["point"], line["label"], line["score"]) for line in lines
    ]
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert written.report_file == str(tmp_path / "new" / "report.html") and "epsilon 0.02" in page
    table = str(written).splitlines()
    assert len(table) == 2 + 9 and lines[0]["label_name"] in table[2]
    value = json.loads(json.dumps(written.to_json(), allow_nan=False))
    assert value["count"] == 9 and value["first"][0]["attributions"] == lines[0]["attributions"]


def test_the_table_shows_the_first_explanations_only(inputs, tmp_path):
    written = write_explanations(inputs, ExplanationOptions("all", "top:3"), str(tmp_path))
    assert written.count == 36 and len(written.first) == 12 and len(str(written).splitlines()) == 14


def test_chunks_change_nothing(inputs, tmp_path, monkeypatch):
    options = ExplanationOptions("all", "true", baseline="mean", epsilon=0.1)
    whole = write_explanations(inputs, options, str(tmp_path / "whole"))
    monkeypatch.setattr(explanation_run, "_CHUNK_POINTS", 5)
    parts = write_explanations(inputs, options, str(tmp_path / "parts"))
    assert lines_of(parts.lines_file) == lines_of(whole.lines_file) and parts.first == whole.first


@pytest.mark.parametrize("epsilon", [-0.1, float("nan"), float("inf")])
def test_epsilon_must_be_finite(epsilon):
    with pytest.raises(InputError, match=r"^epsilon must be a finite number, 0 or more \(got "):
        ExplanationOptions(epsilon=epsilon)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"points": "99"}, r"^points must name points 0 to 11"),
        ({"labels": "30"}, r"^labels must hold .* Give top:N, true, all, or labels from 0 to 29 by id, name or key\."),
        ({"labels": "top:31"}, r"^labels=top:N needs a number N from 1 to 30"),
        ({"baseline": "none"}, r"^baseline must be zero, mean"),
    ],
)
def test_messages_speak_of_arguments(inputs, tmp_path, options, rule):
    with pytest.raises(InputError, match=rule):
        write_explanations(inputs, ExplanationOptions(**options), str(tmp_path))
    assert not (tmp_path / "explanations.jsonl").exists()


def test_points_without_labels_have_none_to_explain(world, tmp_path):
    path = str(tmp_path / "points.txt")
    nothing = scipy.sparse.csr_matrix((2, world.labels.shape[1]))
    worlds.write_text(path, world.features[:3], scipy.sparse.vstack([world.labels[:1], nothing], "csr"))
    inputs = open_inputs(world.dataset, world.model, path)
    assert world.labels[:1].nnz
    with pytest.raises(InputError, match=r"^labels=true .* none of the 2 chosen point\(s\) has one\."):
        write_explanations(inputs, ExplanationOptions("1,2", "true"), str(tmp_path / "none"))
    written = write_explanations(inputs, ExplanationOptions("0-2", "true"), str(tmp_path / "some"))
    assert written.count == world.labels[:1].nnz


def test_proofs_and_counterfactuals_are_stated(inputs, tmp_path):
    options = ExplanationOptions("0-3", "top:2", counterfactual_k=1)
    written = write_explanations(inputs, options, str(tmp_path / "with"))
    lines = lines_of(written.lines_file)
    assert all(line["proved_epsilon"] >= 0 for line in lines) and any(line["proved_epsilon"] for line in lines)
    for line in lines:
        found, own = line["counterfactual"], {feature["feature"] for feature in line["attributions"]}
        assert found["k"] == 1 and (line["rank"] == 1 or found["removed"] == [])
        assert set(found["removed"] or []) <= own and (line["rank"] > 1 or found["removed"] != [])
    page = (tmp_path / "with" / "report.html").read_text(encoding="utf-8")
    assert "It is not the top label." in page and ("it is not the top label; no fewer features do this" in page)
    without = write_explanations(inputs, ExplanationOptions("0", certified=False), str(tmp_path / "without"))
    assert not {"proved_epsilon", "counterfactual"} & set(lines_of(without.lines_file)[0])
    with pytest.raises(InputError, match=r"^counterfactual_k must be below 30, the number of labels.*\(got 30\)"):
        write_explanations(inputs, ExplanationOptions(counterfactual_k=30), str(tmp_path))
    mean = AttributionConfig("mean")
    with pytest.raises(InputError, match="Certificates need the estimator logit_mean"):
        write_explanations(inputs, ExplanationOptions(attribution=mean, certified=True), str(tmp_path))
    assert write_explanations(inputs, ExplanationOptions("0", attribution=mean), str(tmp_path)).count == 3


@pytest.mark.parametrize("against", [None, "best"])
def test_supporting_points_are_those_of_python(world, inputs, tmp_path, against):
    options = ExplanationOptions("0,5", "3,7", supporting_points=2, against=against)
    lines = lines_of(write_explanations(inputs, options, str(tmp_path)).lines_file)
    asked = [[3, 7]] * 2
    if against is None:
        expected = mach_tf.supporting_points(inputs.network, world.features[[0, 5]], world.dataset, asked, 2)
    else:
        others = np.array([line["against"] for line in lines])
        pairs = Pairs(np.array([0, 2, 4]), np.array(asked).reshape(-1))
        training, features = inputs.data.iterate_points("train"), inputs.network.hash(world.features[[0, 5]])
        expected = supporting_points.find(inputs.network, training, features, pairs, 2, others)
    found = [
        [(one["point"], one["support"], tuple(one["labels"])) for one in line["supporting_points"]] for line in lines
    ]
    assert found == expected and any(found)
    assert (
        "supporting_points"
        not in lines_of(write_explanations(inputs, ExplanationOptions("0"), str(tmp_path)).lines_file)[0]
    )


def test_supporting_points_need_the_training_data(inputs, tmp_path):
    options = ExplanationOptions("0", supporting_points=2)
    with pytest.raises(InputError, match=r"^supporting_points are training points, .* Give dataset_dir\."):
        write_explanations(
            dataclasses.replace(inputs, data=None), dataclasses.replace(options, baseline="zero"), str(tmp_path)
        )
    with pytest.raises(InputError, match=r"are of the estimator logit_mean"):
        write_explanations(inputs, dataclasses.replace(options, attribution=AttributionConfig("mean")), str(tmp_path))
