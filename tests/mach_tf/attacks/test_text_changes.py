"""Attacks on texts: every changed text is within its number of changes, and what is reported is what a prediction of it shows."""

import itertools
import re

import numpy as np
import pytest

from mach_tf.attacks import attack_run, text_changes, word_search
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.attacks.text_changes import TextChanges
from mach_tf.attacks.typos import typos
from mach_tf.ensemble import Ensemble
from mach_tf.evaluation.attack_evaluation import labelled
from mach_tf.metrics.ranking_metrics import hits
from tests.helpers import text_model

TEXTS = [
    ("Quantum light", "light wave energy ½ matter"),
    ("MATTER", "Wave-field, matter energy. Über quantum"),
    ("光 light", ""),
    ("nothing known", "here"),
    ("", ""),
    ("Energy", "wave wave wave light; field field über quantum matter energy light"),
]
TRUTH = [[0, 3], [1], [2, 5], [4], [6], []]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Ensemble.load(text_model.write(tmp_path_factory.mktemp("models") / "texts"))


@pytest.fixture(scope="module")
def points(model):
    return model.manifest.feature_spec.apply(labelled(model.texts.points(TEXTS), TRUTH, model.labels))


def words_of(model, texts):
    found = model.texts.vectorizer.occurrences([list(texts)]).words
    return list(found.text)


@pytest.fixture
def found(monkeypatch):
    """The states of the last search."""
    kept = []

    def spy(*arguments):
        kept.extend(word_search.word_search(*arguments))
        return kept

    monkeypatch.setattr(attack_run, "word_search", spy)
    return kept


@pytest.mark.parametrize("method", ["drop_words", "swap_words", "add_words"])
@pytest.mark.parametrize("objective", ["margin", "top_label"])
def test_what_is_reported_is_what_a_prediction_shows(model, points, found, method, objective):
    sizes = [0, 1, 2, 50]
    attack = Attack.named(method, objective=objective, beam=2)
    outcomes = AttackRun(model, attack, k=3, texts=TEXTS).outcomes(points, sizes)
    for most, outcome, states in zip(sizes, outcomes, found):
        changed = [state.text.texts for state in states.contents]
        np.testing.assert_array_equal(model.predict_text(changed, k=3).top.labels, outcome.top_labels)
        made = model.manifest.feature_spec.apply(model.texts.points(changed))
        for name in ("row_splits", "feature_ids", "feature_values"):
            np.testing.assert_array_equal(getattr(made, name), getattr(states.points, name))
        for old, new in zip(TEXTS, changed):
            before, after = words_of(model, old), words_of(model, new)
            difference = len(before) - len(after)
            if method == "drop_words":
                rest = iter(before)
                assert all(word in rest for word in after) and difference <= most + 1  # "½" is two words
            elif method == "add_words":
                assert difference >= -most
            else:
                assert difference == 0 and sum(map(str.__ne__, before, after)) <= most
    if objective == "margin":
        truth = points.labels(model.labels)
        left = [hits(outcome.top_labels, truth)[:, 0].sum() for outcome in outcomes]
        assert left == sorted(left, reverse=True)


def test_with_a_wide_beam_dropping_two_words_is_exact(model, points, found):
    AttackRun(model, Attack.named("drop_words", beam=60), k=3, texts=TEXTS).outcomes(points, [2])
    truth = points.labels(model.labels)
    for row in (0, 1, 2):
        pieces = [re.split(r"([^\W_]+)", text) for text in TEXTS[row]]
        places = [(field, i) for field, own in enumerate(pieces) for i in range(1, len(own), 2)]
        shorter = []
        for chosen in itertools.chain.from_iterable(itertools.combinations(places, m) for m in range(3)):
            shorter.append(
                ["".join(" " if (f, i) in chosen else p for i, p in enumerate(own)) for f, own in enumerate(pieces)]
            )
        every = model.predict_text(shorter, k=model.labels, scores="logit").top
        true = np.isin(every.labels, truth[row].indices)
        margins = np.where(true, -np.inf, every.scores).max(axis=1) - np.where(true, every.scores, -np.inf).max(axis=1)
        own = model.predict_text([found[0].contents[row].text.texts], k=model.labels, scores="logit").top
        is_true = np.isin(own.labels[0], truth[row].indices)
        np.testing.assert_allclose(
            own.scores[0][~is_true].max() - own.scores[0][is_true].max(), margins.max(), atol=1e-4
        )


def test_near_words_and_typing_errors_take_the_place_of_a_word(model, points):
    changes = TextChanges("swap_words", model, TEXTS)
    states = changes.start(points, 0)
    known = set(text_model.WORDS)
    state = states.contents[0]
    for place in state.text.words():
        word = state.text.word(place)
        assert set(changes._near(state, place)) <= known | set(typos(word))
        assert set(typos(word)) <= {*changes._near(state, place), word}


def test_words_of_long_texts_are_chosen_by_the_gradient(model, points, monkeypatch):
    monkeypatch.setattr(text_changes, "_DROPPED", 2)
    changes = TextChanges("drop_words", model, TEXTS)
    states = changes.start(points, 0)
    slopes = np.zeros((len(points), 40), np.float32)
    wave = model.manifest.feature_spec.ids(np.array([text_model.TERMS.index("wave")]))[0]
    slopes[:, wave] = -1
    candidates, build = changes.proposals(states, lambda some: slopes[some.owner])
    counts = np.bincount(candidates.state, minlength=len(TEXTS))
    assert counts.tolist() == [2, 2, 2, 2, 0, 2]
    last = build(np.flatnonzero(candidates.state == 5)).contents
    assert all(state.text.texts[1].count("wave") == 2 for state in last)


def test_python_api(model):
    found = model.attack_text([{"title": a, "content": b} for a, b in TEXTS], TRUTH, words=[0, 1], ks=[1])
    assert [entry.words for entry in found] == [0, 1] and found.to_json()["attacks"][1]["words"] == 1
    assert "epsilon" not in str(found) and "words" in str(found)
    assert found.entries[1].metrics["P@1"] <= found.entries[0].metrics["P@1"]
