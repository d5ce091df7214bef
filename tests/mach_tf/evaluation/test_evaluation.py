"""Evaluating from Python: with a model or a path, with and without files; and what is refused in the words of arguments."""

from __future__ import annotations

import json

import pytest
from tensorflow.python.summary.summary_iterator import summary_iterator

import mach_tf
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.decoding.approximate import Approximate
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.evaluation import certification
from mach_tf.evaluation.certification import CertificationOptions
from mach_tf.evaluation.evaluation import evaluate
from mach_tf.network import Network
from mach_tf.serving import card_evaluation
from tests.helpers import model_directory


def without_seconds(evaluation):
    return {name: value for name, value in evaluation.to_json().items() if name != "seconds"}


def test_a_model_and_its_directory_give_the_same(evaluated):
    by_path, by_model = (
        mach_tf.evaluate(model, evaluated.dataset_dir, bootstrap=10, attacks=["fgsm"], epsilons=[0, 0.05])
        for model in (evaluated.model_dir, Ensemble.load(evaluated.model_dir))
    )
    assert without_seconds(by_path) == without_seconds(by_model)
    assert isinstance(by_path, mach_tf.Evaluation)
    assert by_path.metrics == by_path.estimators["logit_mean"] and by_path.model_dir == evaluated.model_dir
    assert [entry.epsilon for entry in by_path.attacks] == [0, 0.05]


def test_what_it_writes_is_what_it_returns(evaluated, tmp_path):
    evaluation = evaluate(
        evaluated.model_dir,
        evaluated.dataset_dir,
        output_dir=str(tmp_path),
        bootstrap=10,
        attacks=["fgsm"],
        epsilons=[0.1],
    )
    assert json.loads((tmp_path / "metrics.json").read_text()) == evaluation.to_json()
    assert sorted(evaluation.paths(str(tmp_path))) == sorted(
        str(path) for path in tmp_path.iterdir() if path.name != "per_point.npz"
    )


def test_without_a_directory_nothing_is_written(evaluated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate(evaluated.model_dir, evaluated.dataset_dir, bootstrap=0)
    assert not list(tmp_path.iterdir())


def test_every_option_has_its_effect(evaluated):
    evaluation = evaluate(
        Network.load(evaluated.model_dir, 2),
        evaluated.dataset_dir,
        split="train",
        limit=9,
        ks=(4, 2),
        estimators=("min", "mean"),
        approximate=Approximate(2, 1),
        repetition_curve=False,
        adversarial_loss=False,
        propensity="amazon",
        bootstrap=0,
        attacks=[Attack("pgd", "push_in", steps=2)],
        epsilons=[0.3],
        target_label=4,
    )
    assert (evaluation.split, evaluation.points, evaluation.repetitions) == ("train", 9, 2)
    assert evaluation.ks == (2, 4) and evaluation.estimator == "min" and list(evaluation.estimators) == ["min", "mean"]
    assert evaluation.decoding.mode == "approximate" and set(evaluation.decoding.recall) == {"min", "mean"}
    assert evaluation.repetition_curve == () and evaluation.loss.adversarial is None and not evaluation.intervals
    assert evaluation.propensity == "amazon"
    (entry,) = evaluation.attacks
    assert entry.attack.name == "push_in (pgd)" and entry.attack.steps == 2 and entry.intervals is None
    assert evaluation.attacks.ks == (2, 4)


def test_certificates_are_in_all_outputs(evaluated, tmp_path):
    evaluation = evaluate(
        evaluated.model_dir,
        evaluated.dataset_dir,
        output_dir=str(tmp_path),
        bootstrap=0,
        limit=9,
        ks=(1, 4),
        certify=[0.001],
        attacks=["fgsm"],
        epsilons=[0.001],
    )
    alone = certification.certify_dataset(
        evaluated.model_dir, evaluated.dataset_dir, CertificationOptions(epsilons=[0.001], ks=[1, 4]), limit=9
    )
    assert evaluation.certificates.to_json() == alone.to_json()
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert content["certificates"] == alone.to_json() and content["attacks"]
    assert "Certified against all perturbations, support nonzero" in str(evaluation) and "certified P@4" in str(
        evaluation
    )
    assert "certified P@4" in evaluation._repr_html_()
    tags = {
        (value.tag, event.step)
        for path in tmp_path.glob("tensorboard/events*")
        for event in summary_iterator(str(path))
        for value in event.summary.value
    }
    assert ("certificates/certified P@1", 1000) in tags and ("loss/clean", 0) in tags
    (certified,) = card_evaluation.read(str(tmp_path / "metrics.json"), "logit_mean", 3).certificates
    assert certified.epsilon == 0.001 and certified.metrics == content["certificates"]["sizes"][0]["metrics"]


def test_other_constants_of_the_propensity_model(evaluated, tmp_path):
    options = {"bootstrap": 0, "adversarial_loss": False, "repetition_curve": False}
    amazon = evaluate(evaluated.model_dir, evaluated.dataset_dir, propensity="amazon", **options)
    by_numbers = evaluate(
        evaluated.model_dir,
        evaluated.dataset_dir,
        propensity_a=0.6,
        propensity_b=2.6,
        output_dir=str(tmp_path),
        **options,
    )
    assert by_numbers.metrics == amazon.metrics and by_numbers.propensity == "amazon"
    other = evaluate(evaluated.model_dir, evaluated.dataset_dir, propensity_a=0.2, **options)
    assert other.propensity == "0.2,1.5" and other.metrics["PSP@1"] != amazon.metrics["PSP@1"]
    with pytest.raises(InputError, match=r"the same propensity=0\.2,1\.5 \(got amazon\)"):
        evaluate(
            evaluated.model_dir,
            evaluated.dataset_dir,
            propensity_a=0.2,
            compare=str(tmp_path / "metrics.json"),
            **options,
        )


def test_a_path_is_opened_with_as_many_repetitions_as_are_asked_for(evaluated):
    by_path = evaluate(evaluated.model_dir, evaluated.dataset_dir, bootstrap=0, repetitions=2)
    by_model = evaluate(Network.load(evaluated.model_dir, 2), evaluated.dataset_dir, bootstrap=0)
    assert by_path.repetitions == 2 and without_seconds(by_path) == without_seconds(by_model)
    with pytest.raises(InputError, match=r"^repetitions must be left out with an open model \(got 2\)"):
        evaluate(Network.load(evaluated.model_dir), evaluated.dataset_dir, repetitions=2)


def test_a_comparison_is_with_the_same_points(evaluated, tmp_path):
    evaluate(evaluated.model_dir, evaluated.dataset_dir, output_dir=str(tmp_path), bootstrap=10)
    path = str(tmp_path / "metrics.json")
    again = evaluate(evaluated.model_dir, evaluated.dataset_dir, bootstrap=10, compare=path)
    assert again.comparison.path == path
    assert {difference.difference for difference in again.comparison.differences.values()} == {0}
    with pytest.raises(InputError, match="compare must name an evaluation of the same points: 7 "):
        evaluate(evaluated.model_dir, evaluated.dataset_dir, compare=path, limit=7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ks": (1, 31)}, r"ks must not exceed the 30 labels \(got 31\)"),
        ({"split": "valid"}, r"no 'valid' split; it has"),
        ({"attacks": ["push_in"], "target_label": 30}, r"target_label must be at most 29 \(got 30\)"),
        ({"attacks": ["pgd"], "target_label": 3}, r"give it with attack=push_in"),
        ({"approximate": Approximate(1, 3), "limit": 1}, r"must find a label .*raise approximate\.buckets or lower"),
    ],
)
def test_refusals_name_arguments(evaluated, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        evaluate(evaluated.model_dir, evaluated.dataset_dir, output_dir=str(tmp_path / "out"), **options)
    assert not (tmp_path / "out").exists()


def test_unknown_options_are_refused(evaluated):
    with pytest.raises(TypeError, match="'k'"):
        evaluate(evaluated.model_dir, evaluated.dataset_dir, k=5)


def test_a_model_for_other_features_is_refused(evaluated, tmp_path):
    model_directory.write(str(tmp_path), features=60, labels=30, columns=50)
    with pytest.raises(InputError, match="feature_spec"):
        evaluate(str(tmp_path), evaluated.dataset_dir)
