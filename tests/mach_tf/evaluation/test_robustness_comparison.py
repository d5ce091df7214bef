"""Models compared under attack from Python; tests/eval/test_robustness.py has the program's side."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest

from mach_tf.attacks import attack_chunks
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.choices import ATTACKS
from mach_tf.errors import InputError
from mach_tf.evaluation import attack_evaluation
from mach_tf.evaluation.robustness_comparison import compare_robustness
from mach_tf.network import Network
from tests.helpers import model_directory


@pytest.fixture(scope="module")
def models(evaluated, tmp_path_factory):
    other = str(tmp_path_factory.mktemp("other"))
    model_directory.write(other, features=60, labels=30, columns=40, seed=5, repetitions=2)
    return [evaluated.model_dir, other]


@pytest.fixture(scope="module")
def compared(evaluated, models):
    attacks = ["fgsm", Attack("pgd", steps=2)]
    return compare_robustness(models, evaluated.dataset_dir, attacks=attacks, epsilons=[0, 0.1], ks=(4, 1), bootstrap=0)


def test_each_model_is_attacked_itself(evaluated, models, compared):
    assert list(compared.models) == models
    for model_dir, robustness in compared.models.items():
        assert [(e.attack.name, e.epsilon) for e in robustness] == [(n, e) for n in ("fgsm", "pgd") for e in (0, 0.1)]
        expected = attack_evaluation.attack(Network.load(model_dir), *evaluated.test, [0, 0.1], ks=(1, 4))
        for ours, theirs in zip(robustness, expected):
            assert ours.metrics == theirs.metrics and ours.loss == theirs.loss and ours.by_frequency
        assert [loss.epsilon for loss in robustness.bucket_losses] == [0, 0.1]


def test_attacks_on_words_alone_have_no_bucket_loss(evaluated, models):
    """It is a loss at each epsilon."""
    options = {"words": [1], "epsilons": [0, 0.1], "bootstrap": 0, "limit": 5}
    found = compare_robustness(models[:1], evaluated.dataset_dir, attacks=["drop_words"], **options)
    assert list(found.to_json()["models"][0]) == ["model_dir", "attacks"] and "bucket loss" not in str(found)
    found = compare_robustness(models[:1], evaluated.dataset_dir, attacks=["drop_words", "fgsm"], **options)
    assert [loss.epsilon for loss in found.models[models[0]].bucket_losses] == [0, 0.1]


def test_the_attack_may_be_computed_on_another_model(evaluated, models):
    transferred, white_box = (
        compare_robustness(
            models[:1], evaluated.dataset_dir, epsilons=[0.1], bootstrap=0, attack_model_dir=attacked, limit=20
        )
        for attacked in (models[1], None)
    )
    assert transferred.attack_model_dir == models[1] and transferred.points == 20
    (first,), (second,) = transferred.models[models[0]], white_box.models[models[0]]
    assert first.loss < second.loss


def test_json_is_what_is_written(compared, tmp_path):
    paths = compared.write(str(tmp_path))
    with open(paths[0]) as file:
        content = json.load(file)
    assert content == compared.to_json()
    assert list(content) == [
        "dataset_dir", "split", "points", "estimator", "attack_model_dir", "target_label", "models",
    ]  # fmt: skip
    assert list(content["models"][0]) == ["model_dir", "bucket_loss", "attacks"]


def test_print_shows_a_row_per_model_attack_and_epsilon(compared, models):
    lines = str(compared).splitlines()
    assert lines[0].split()[:4] == ["model", "attack", "epsilon", "P@1"] and lines[0].endswith("bucket loss")
    assert [line.split()[0] for line in lines[2:]] == [models[0]] * 4 + [models[1]] * 4
    assert compared._repr_html_().count("<tr>") == 1 + 8
    printed = []
    compared._repr_pretty_(types.SimpleNamespace(text=printed.append), False)
    assert printed == [str(compared)]


def test_the_figure_has_a_line_per_model_and_attack(compared):
    panel = compared.figure().axes[0]
    assert len(panel.lines) == 4 and all(", " in line.get_label() for line in panel.lines)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attacks": []}, f"attacks must name at least one of {', '.join(ATTACKS)}"),
        ({"attacks": ["shout"]}, "An attack must be one of"),
        ({"epsilons": [-1]}, r"epsilon must be 0 or more \(got -1\)"),
        ({"bootstrap": -1}, r"bootstrap must be 0 or more \(got -1\)"),
        ({"estimator": "max"}, r"estimator must be one of .*\(got 'max'\)"),
        ({"ks": (31,)}, r"ks must not exceed the 30 labels"),
        ({"attack_model_dir": "nowhere"}, "nowhere"),
    ],
)
def test_refusals_name_arguments(evaluated, models, options, message):
    with pytest.raises(InputError, match=message):
        compare_robustness(models, evaluated.dataset_dir, **options)


@pytest.mark.parametrize(
    ("model_dirs", "dataset_dir", "message"),
    [
        ("models/a", "data", "^model_dirs must be a list of directories .got 'models/a'.. Put it in a list"),
        ([3], "data", "^model_dirs must be a path .got 3"),
        (["models/a"], None, "^dataset_dir must be a path .got None"),
    ],
)
def test_what_is_no_path_is_refused(model_dirs, dataset_dir, message):
    with pytest.raises(InputError, match=message):
        compare_robustness(model_dirs, dataset_dir)


@pytest.mark.parametrize("times", [0, 2])
def test_model_directories_must_be_different(evaluated, models, times):
    with pytest.raises(InputError, match="model_dirs must be a list of different directories"):
        compare_robustness(models[:1] * times, evaluated.dataset_dir)


def interrupted_at(number, monkeypatch):
    """Interrupts the run at the chunk of this number, once; returns the chunks that attacks have begun, without those of the strongest's parts."""
    attacked, original = [], AttackRun._outcomes_of_chunk

    def counting(self, points, rows, epsilons):
        if self.attack.method in ("fgsm", "strongest"):
            attacked.append(rows)
            if len(attacked) == number:
                raise KeyboardInterrupt
        return original(self, points, rows, epsilons)

    monkeypatch.setattr(AttackRun, "_outcomes_of_chunk", counting)
    return attacked


def test_an_interrupted_run_continues(evaluated, models, tmp_path, monkeypatch):
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 7)
    options = {
        "attacks": ["fgsm", Attack("strongest", steps=1, queries=1)],
        "epsilons": [0, 0.1],
        "bootstrap": 0,
        "limit": 20,
    }
    expected = compare_robustness(models, evaluated.dataset_dir, **options)
    attacked = interrupted_at(8, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        compare_robustness(models, evaluated.dataset_dir, str(tmp_path), **options)
    with pytest.raises(
        InputError, match="holds unfinished attacks of another model, of other points or with other settings"
    ):
        compare_robustness(models[:1], evaluated.dataset_dir, str(tmp_path), **options)
    found = compare_robustness(models, evaluated.dataset_dir, str(tmp_path), **options)
    assert len(attacked) == 8 + 2 * 2 * 3 - 7  # two models, two attacks, three chunks; seven were finished
    assert found.to_json() == expected.to_json() == json.loads((tmp_path / "robustness.json").read_text())
    assert not list(tmp_path.glob("attacks-*")) and found.paths(str(tmp_path))[0] == str(tmp_path / "robustness.json")


def test_a_run_with_another_filter_of_false_labels_is_not_continued(evaluated, models, tmp_path, monkeypatch):
    """Such a filter changes predictions, but neither the points nor the settings."""
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 7)
    path, output_dir = tmp_path / "filter.txt", str(tmp_path / "out")
    first, second = np.flatnonzero(evaluated.test[1][0].toarray()[0] == 0)[:2]
    options = {"epsilons": [0.1], "bootstrap": 0, "limit": 20, "filter_labels": str(path)}
    path.write_text(f"0 {first}\n")
    attacked = interrupted_at(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        compare_robustness(models[:1], evaluated.dataset_dir, output_dir, **options)
    path.write_text(f"0 {second}\n")
    with pytest.raises(InputError, match="holds unfinished attacks"):
        compare_robustness(models[:1], evaluated.dataset_dir, output_dir, **options)
    path.write_text(f"0 {first}\n")
    compare_robustness(models[:1], evaluated.dataset_dir, output_dir, **options)
    assert len(attacked) == 2 + 2  # of three chunks one was finished
