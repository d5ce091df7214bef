"""Evaluations in blocks of points: by ranges, interrupted, and merged from directories; always what one run writes."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from mach_tf.attacks import attack_chunks
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.decoding.approximate import Approximate
from mach_tf.errors import InputError
from mach_tf.evaluation import evaluation, point_results
from mach_tf.evaluation.evaluation_options import EvaluationOptions
from mach_tf.evaluation.evaluation_result import Evaluation
from mach_tf.point_range import PointRange
from tests.helpers import programs, rankers

ATTACKS = {"attacks": [Attack("pgd", random_start=True, steps=1)], "epsilons": [0, 0.1]}
PLAIN = {"estimators": "all", "bootstrap": 10, "ks": (1, 4)}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(point_results, "BLOCK", 4)
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 3)


@pytest.fixture(autouse=True)
def no_plots(request, monkeypatch):
    if "writes" not in request.fixturenames:
        for name in ("write", "write_attacks"):
            monkeypatch.setattr(Evaluation, name, lambda *_: None)


@pytest.fixture
def writes():
    """Lets an evaluation write its files."""


def ranges(evaluated, output_dir, texts, **options):
    settings = EvaluationOptions(**{**PLAIN, **options})
    for text in texts:
        evaluation.run_range(evaluated.model_dir, evaluated.dataset_dir, settings, str(output_dir), PointRange(text))


def whole(evaluated, output_dir, **options):
    """What a whole evaluation finds, but for its times."""
    settings = EvaluationOptions(**{**PLAIN, **options})
    found = evaluation.run(evaluated.model_dir, evaluated.dataset_dir, settings, output_dir and str(output_dir))
    values = {name: (each.numerator.tobytes(), each.denominator.tobytes()) for name, each in found.per_point.items()}
    return {**found.to_json(), "seconds": None}, values


def never(*_):
    raise AssertionError("computed again")


def parts_in(path):
    return sorted(name for name in os.listdir(path) if "-part-" in name)


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (["0/2", "1/2"], ATTACKS),
        (["12:25", "0:12"], {"approximate": Approximate(2, 1)}),
        (["0:5", "5:6", "6:99"], {"repetition_curve": False, "objective": "psp", "estimators": ["logit_mean"]}),
    ],
)
def test_ranges_make_the_whole_and_nothing_is_computed_twice(evaluated, tmp_path, monkeypatch, texts, options):
    expected = whole(evaluated, None, **options)
    ranges(evaluated, tmp_path / "out", texts, **options)
    assert len([name for name in parts_in(tmp_path / "out") if "-top-" in name or "-loss-" in name]) == 14
    for name in ("one_pass.run", "bucket_loss.bucket_losses"):
        monkeypatch.setattr(f"mach_tf.evaluation.point_results.{name}", never)
    monkeypatch.setattr("mach_tf.attacks.attack_run.AttackRun._outcomes_of_chunk", never)
    assert whole(evaluated, tmp_path / "out", **options) == expected
    assert os.listdir(tmp_path / "out") == []


def test_what_the_ranges_left_out_is_computed(evaluated, tmp_path):
    ranges(evaluated, tmp_path / "out", ["4:9", "20:21"], **ATTACKS)
    assert whole(evaluated, tmp_path / "out", **ATTACKS) == whole(evaluated, None, **ATTACKS)


def test_a_range_that_has_blocks_of_an_attack_alone_says_so(evaluated, tmp_path):
    """Blocks of attacks are smaller, so that some begin where none of the evaluation does."""
    settings = EvaluationOptions(**PLAIN, **ATTACKS)
    arguments = evaluated.model_dir, evaluated.dataset_dir, settings, str(tmp_path)
    finished = evaluation.run_range(*arguments, PointRange("3:4"))
    assert finished.blocks == 1 and parts_in(tmp_path) == ["evaluation-part-attack0-3-6.npz"]
    assert evaluation.run_range(*arguments, PointRange("1:3")).blocks == 0


def test_an_interrupted_evaluation_continues(evaluated, tmp_path, monkeypatch):
    expected, computed = whole(evaluated, None), []
    decode = point_results.PointResults._decode

    def interrupted(self, rows, bar):
        if len(computed) == 3:
            raise KeyboardInterrupt
        computed.append(rows.start)
        return decode(self, rows, bar)

    monkeypatch.setattr(point_results.PointResults, "_decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        whole(evaluated, tmp_path / "out")
    assert len(parts_in(tmp_path / "out")) == 3
    computed[:] = []
    monkeypatch.setattr(
        point_results.PointResults,
        "_decode",
        lambda self, rows, bar: computed.append(rows.start) or decode(self, rows, bar),
    )
    assert whole(evaluated, tmp_path / "out") == expected
    assert computed == [12, 16, 20, 24]


def test_directories_of_machines_without_a_common_one_are_merged(evaluated, tmp_path):
    expected = whole(evaluated, None)
    for part in ("0/2", "1/2"):
        ranges(evaluated, tmp_path / part[0], [part])
    for name in parts_in(tmp_path / "1"):
        shutil.copy(tmp_path / "1" / name, tmp_path / "0")
    assert whole(evaluated, tmp_path / "0") == expected


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"ks": (1, 3)}, "k"),
        ({"split": "train"}, "points, split"),
        ({"repetitions": 2}, "model"),
        (ATTACKS, "attack, attack_words, epsilon, points_attacked_together"),
    ],
)
def test_parts_of_another_evaluation_are_refused_by_name(evaluated, tmp_path, options, named):
    ranges(evaluated, tmp_path, ["0:8"])
    with pytest.raises(InputError, match=rf"holds unfinished evaluation.*these differ: {named}\)"):
        whole(evaluated, tmp_path, **options)
    ranges(evaluated, tmp_path / "other", ["0/1"], **options)
    os.replace(tmp_path / "other" / "evaluation-part-top-4-8.npz", tmp_path / "evaluation-part-top-4-8.npz")
    with pytest.raises(
        InputError, match=rf"evaluation-part-top-4-8\.npz is a part of another run: these differ: {named}\."
    ):
        whole(evaluated, tmp_path)


def test_a_part_that_was_copied_from_another_evaluation_is_refused_by_name(evaluated, tmp_path):
    name = "evaluation-part-top-4-8.npz"
    ranges(evaluated, tmp_path, ["0:8"])
    ranges(evaluated, tmp_path / "other", ["4:5"], ks=(1, 3))
    os.replace(tmp_path / "other" / name, tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} is a part of another run: these differ: k\."):
        whole(evaluated, tmp_path)


def test_parts_of_another_model_are_refused_by_name(evaluated, tmp_path):
    ranges(evaluated, tmp_path / "out", ["0:8"])
    ranked = rankers.with_ranker(evaluated.model_dir, str(tmp_path / "ranked"), 30, 40)
    with pytest.raises(InputError, match=r"these differ: model\)"):
        evaluation.run(ranked, evaluated.dataset_dir, EvaluationOptions(**PLAIN), str(tmp_path / "out"))


def test_how_points_are_summarised_may_differ(evaluated, tmp_path):
    ranges(evaluated, tmp_path / "out", ["0:8"])
    expected = whole(evaluated, None, bootstrap=20, propensity="amazon")
    assert whole(evaluated, tmp_path / "out", bootstrap=20, propensity="amazon") == expected


def test_certificates_are_not_divided(evaluated, tmp_path):
    with pytest.raises(InputError, match="certify must be left out with point_range"):
        ranges(evaluated, tmp_path / "out", ["0:8"], certify=[0.1])
    assert not (tmp_path / "out").exists()


def test_the_program_divides_and_merges(evaluated, tmp_path, capsys, writes):
    flags = (f"--dataset_dir={evaluated.dataset_dir}", f"--model_dir={evaluated.model_dir}", "--bootstrap=10")
    for part in ("0/2", "1/2", "8/9"):
        programs.run("eval.main", *flags, f"--output_dir={tmp_path / 'out'}", f"--point_range={part}")
    said = capsys.readouterr().out
    assert "0/2: 8 blocks" in said and "without the range writes metrics.json" in said and "nothing to do" in said
    for name in ("out", "whole"):
        programs.run("eval.main", *flags, f"--output_dir={tmp_path / name}")
    ours, theirs = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("out", "whole"))
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}
    assert sorted(os.listdir(tmp_path / "out")) == sorted(os.listdir(tmp_path / "whole"))
    with pytest.raises(InputError, match="point_range must be FIRST:END"):
        programs.run("eval.main", *flags, f"--output_dir={tmp_path / 'out'}", "--point_range=5")


def test_a_single_block_of_a_range_is_taken_and_removed(evaluated, tmp_path, monkeypatch):
    monkeypatch.setattr(point_results, "BLOCK", 100)
    ranges(evaluated, tmp_path, ["0:1"])
    monkeypatch.setattr(point_results.PointResults, "_decode", never)
    whole(evaluated, tmp_path)
    assert os.listdir(tmp_path) == []
