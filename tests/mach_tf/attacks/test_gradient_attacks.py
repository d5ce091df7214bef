"""FGSM and PGD: against adversarial-robustness-toolbox, their definitions, and each other."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf import points
from mach_tf.attacks import gradient_attacks
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.attacks.label_loss import label_loss
from mach_tf.choices import SIGN_METHODS
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from tests.helpers import model_directory


def make_network(features=8, hidden=10, labels=6, seed=0):
    rng = np.random.default_rng(seed)
    w1, w2 = rng.standard_normal((features, hidden)), rng.standard_normal((hidden, labels))
    return tf.constant(w1, tf.float32), tf.constant(w2, tf.float32)


def make_problem(points=20, features=8, labels=6, seed=0):
    """A loss of a two-layer network with several labels, its gradient in NumPy's terms, and the points."""
    rng = np.random.default_rng(seed)
    w1, w2 = make_network(features, 10, labels, seed)
    truth = (rng.random((points, labels)) < 0.3).astype(np.float32)
    truth[:, 0] = truth[:, 0] + (truth.sum(axis=1) == 0)
    clean = rng.random((points, features)).astype(np.float32)

    def losses(values):
        logits = tf.nn.relu(tf.constant(values) @ w1) @ w2
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(truth, logits), axis=1).numpy()

    def gradient(values):
        variable = tf.constant(values)
        with tf.GradientTape() as tape:
            tape.watch(variable)
            logits = tf.nn.relu(variable @ w1) @ w2
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(truth, logits))
        return tape.gradient(loss, variable).numpy()

    return losses, gradient, clean, truth


@pytest.fixture(scope="module")
def toolbox_classifier():
    pytest.importorskip("art")
    from art.estimators.classification import TensorFlowV2Classifier

    def build(features, labels, seed):
        w1, w2 = make_network(features, 10, labels, seed)
        cross_entropy = tf.keras.losses.BinaryCrossentropy()
        return TensorFlowV2Classifier(
            model=lambda x, training=False: tf.sigmoid(tf.nn.relu(tf.cast(x, tf.float32) @ w1) @ w2),
            nb_classes=labels,
            input_shape=(features,),
            # The toolbox's FGSM scales each point's labels to sum to 1.
            loss_object=lambda truth, scores: cross_entropy(tf.cast(truth > 0, tf.float32), scores),
        )

    return build


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("epsilon", [0.01, 0.3])
def test_fgsm_gives_the_toolboxs_points(toolbox_classifier, seed, epsilon):
    from art.attacks.evasion import FastGradientMethod

    _, gradient, clean, truth = make_problem(seed=seed)
    theirs = FastGradientMethod(toolbox_classifier(8, 6, seed), norm=np.inf, eps=epsilon).generate(clean, truth)
    (ours,) = gradient_attacks.perturb(Attack("fgsm"), gradient, clean, [epsilon])
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert np.abs(ours - clean).max() == pytest.approx(epsilon, rel=1e-5)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("steps", "relative_step"), [(1, 1.0), (4, 0.5), (10, 0.25)])
def test_pgd_gives_the_toolboxs_points(toolbox_classifier, seed, steps, relative_step):
    from art.attacks.evasion import ProjectedGradientDescentNumpy

    _, gradient, clean, truth = make_problem(seed=seed)
    their_attack = ProjectedGradientDescentNumpy(
        toolbox_classifier(8, 6, seed),
        norm=np.inf,
        eps=0.2,
        eps_step=0.2 * relative_step,
        max_iter=steps,
        num_random_init=0,
        verbose=False,
    )
    theirs = their_attack.generate(clean, truth)
    attack = Attack("pgd", steps=steps, relative_step=relative_step)
    (ours,) = gradient_attacks.perturb(attack, gradient, clean, [0.2])
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 0.003, 0.1, 1.0])
def test_one_pgd_step_of_epsilon_is_fgsm_exactly(epsilon, nonnegative):
    _, gradient, clean, _ = make_problem()
    (fgsm,) = gradient_attacks.perturb(Attack("fgsm", clip_nonnegative=nonnegative), gradient, clean, [epsilon])
    one_step = Attack("pgd", steps=1, relative_step=1.0, clip_nonnegative=nonnegative)
    (pgd,) = gradient_attacks.perturb(one_step, gradient, clean, [epsilon])
    np.testing.assert_array_equal(fgsm, pgd)


@pytest.mark.parametrize("attack", [Attack("fgsm"), Attack("pgd"), Attack("pgd", random_start=True)])
def test_epsilon_zero_is_clean(attack):
    _, gradient, clean, _ = make_problem()
    np.testing.assert_array_equal(gradient_attacks.perturb(attack, gradient, clean, [0.0])[0], clean)


@pytest.mark.parametrize("random_start", [False, True])
@pytest.mark.parametrize("method", SIGN_METHODS)
@pytest.mark.parametrize("epsilon", [0.001, 0.02, 0.1])
def test_the_mean_loss_grows_and_stays_in_the_ball(method, random_start, epsilon):
    losses, gradient, clean, _ = make_problem()
    attack = Attack(method, random_start=random_start)
    (attacked,) = gradient_attacks.perturb(attack, gradient, clean, [epsilon])
    assert losses(attacked).mean() > losses(clean).mean()
    assert np.abs(attacked.astype(np.float64) - clean).max() <= epsilon * (1 + 1e-4)


def test_pgd_is_the_stronger_attack():
    losses, gradient, clean, _ = make_problem(points=200)
    fgsm, pgd = (gradient_attacks.perturb(Attack(method), gradient, clean, [0.3])[0] for method in SIGN_METHODS)
    assert losses(pgd).mean() > losses(fgsm).mean()


def test_fgsm_takes_one_gradient_for_all_epsilons():
    _, gradient, clean, _ = make_problem()
    calls = []

    def counting(values):
        calls.append(values)
        return gradient(values)

    epsilons = [0.01, 0.02, 0.05]
    together = gradient_attacks.perturb(Attack("fgsm"), counting, clean, epsilons)
    assert len(calls) == 1
    gradient_attacks.perturb(Attack("pgd", steps=7), counting, clean, [*epsilons, 0.0])
    assert len(calls) == 1 + 3 * 7
    for epsilon, values in zip(epsilons, together):
        np.testing.assert_array_equal(values, gradient_attacks.perturb(Attack("fgsm"), gradient, clean, [epsilon])[0])


@pytest.mark.parametrize("method", SIGN_METHODS)
def test_clipping_keeps_values_nonnegative(method):
    _, gradient, clean, _ = make_problem()
    (free,) = gradient_attacks.perturb(Attack(method), gradient, clean, [0.5])
    (clipped,) = gradient_attacks.perturb(Attack(method, clip_nonnegative=True), gradient, clean, [0.5])
    assert free.min() < 0 <= clipped.min()


def test_random_starts_are_seeded_and_uniform_in_the_ball():
    clean = np.ones(50_000, np.float32)
    attack = Attack("pgd", steps=1, relative_step=1e-6, random_start=True, seed=5)
    (first,) = gradient_attacks.perturb(attack, np.zeros_like, clean, [0.1])
    np.testing.assert_array_equal(first, gradient_attacks.perturb(attack, np.zeros_like, clean, [0.1])[0])
    other = gradient_attacks.perturb(dataclasses.replace(attack, seed=6), np.zeros_like, clean, [0.1])[0]
    assert (first != other).mean() > 0.99
    offsets = first.astype(np.float64) - 1
    np.testing.assert_allclose(np.quantile(offsets, [0, 0.25, 0.5, 0.75, 1]), [-0.1, -0.05, 0, 0.05, 0.1], atol=2e-3)


def test_random_starts_of_the_parts_are_those_of_the_whole():
    clean = np.ones(10, np.float32)
    attack = Attack("pgd", steps=1, relative_step=1e-6, random_start=True, seed=5)
    (whole,) = gradient_attacks.perturb(attack, np.zeros_like, clean, [0.1])
    parts = [
        gradient_attacks.perturb(attack, np.zeros_like, clean[a:b], [0.1], a)[0] for a, b in ((0, 3), (3, 4), (4, 10))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_gradients_that_are_not_finite_move_nothing():
    clean = np.ones(4, np.float32)
    broken = np.array([np.nan, np.inf, -1.0, 0.0], np.float32)
    (attacked,) = gradient_attacks.perturb(Attack("fgsm"), lambda _: broken, clean, [0.5])
    np.testing.assert_array_equal(attacked, [1, 1, 0.5, 1])


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"method": "newton"}, "method"),
        ({"objective": "all"}, "objective"),
        ({"support": "some"}, "support"),
        ({"steps": 0}, "steps"),
        ({"relative_step": 0.0}, "relative_step"),
        ({"restarts": 0}, "restarts"),
        ({"queries": 0}, "queries"),
        ({"k": 0}, "k"),
    ],
)
def test_options_are_checked(options, rule):
    with pytest.raises(ValueError, match=rule):
        Attack(**options)


def test_sizes_and_values_are_checked():
    with pytest.raises(ValueError, match="epsilon must not be negative"):
        gradient_attacks.perturb(Attack(), np.zeros_like, np.ones(2, np.float32), [0.1, -0.1])
    with pytest.raises(ValueError, match="clip_nonnegative"):
        gradient_attacks.perturb(Attack(clip_nonnegative=True), np.zeros_like, -np.ones(2, np.float32), [0.1])


@pytest.mark.parametrize(
    ("name", "method", "objective"),
    [
        ("fgsm", "fgsm", "loss"),
        ("pgd", "pgd", "loss"),
        ("apgd", "apgd", "margin"),
        ("square", "square", "margin"),
        ("strongest", "strongest", "loss"),
        ("push_out", "pgd", "push_out"),
        ("push_in", "pgd", "push_in"),
    ],
)
def test_users_name_an_attack_by_one_word(name, method, objective):
    assert Attack.named(name, steps=3, support="dense") == Attack(method, objective, "dense", steps=3)


def test_a_named_method_takes_another_objective():
    assert Attack.named("pgd", objective="margin") == Attack("pgd", "margin")
    assert Attack.named("apgd", objective=None).name == "margin (apgd)"
    assert Attack.named("push_in", objective="margin") == Attack("pgd", "push_in")
    assert Attack.named("strongest", objective="margin") == Attack("strongest")
    assert Attack.named("apgd", objective="precision", k=3).name == "precision@3 (apgd)"


def test_other_names_are_refused():
    with pytest.raises(
        InputError,
        match=r"one of fgsm, pgd, apgd, square, strongest, drop_words, swap_words, add_words, push_out, push_in \(got 'loss'\)",
    ):
        Attack.named("loss")


@pytest.mark.parametrize(
    ("attack", "absent"),
    [
        (Attack(), {"steps", "relative_step", "restarts", "queries", "random_start", "seed", "k"}),
        (
            Attack(random_start=True),
            {"steps", "relative_step", "restarts", "queries", "random_start", "seed", "k"},
        ),
        (Attack("pgd"), {"restarts", "queries", "seed", "k"}),
        (Attack("pgd", random_start=True), {"restarts", "queries", "k"}),
        (Attack("pgd", "push_in", k=3), {"restarts", "queries", "k"}),
        (Attack("pgd", "precision", k=3), {"restarts", "queries", "seed"}),
        (Attack("apgd", "margin"), {"relative_step", "queries", "seed", "k"}),
        (Attack("apgd", restarts=2), {"relative_step", "queries", "k"}),
        (Attack("square", "margin"), {"steps", "relative_step", "restarts", "random_start", "k"}),
        (Attack("strongest"), {"relative_step", "objective", "k"}),
    ],
)
def test_json_holds_the_settings_that_have_an_effect(attack, absent):
    settings = dataclasses.asdict(attack)
    assert attack.to_json() == {name: value for name, value in settings.items() if name not in {*absent, "beam"}}


@pytest.mark.parametrize("estimator", ["mean", "logit_mean"])
def test_the_fgsm_step_moves_each_feature_by_epsilon_uphill(tmp_path, estimator):
    """Against finite differences of the label-space loss."""
    model_directory.write(str(tmp_path))
    ensemble = Ensemble.load(str(tmp_path))
    features = scipy.sparse.random(3, 60, 0.1, "csr", random_state=1)
    labels = scipy.sparse.random(3, 30, 0.1, "csr", random_state=2)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(features, labels))
    moved = gradient_attacks.fgsm_step(ensemble, hashed, estimator, 0.01)
    step = moved.feature_values - hashed.feature_values
    np.testing.assert_allclose(np.abs(step), 0.01, rtol=1e-3)

    def loss(values):
        matrix = dataclasses.replace(hashed, feature_values=values).features(40)
        return label_loss(ensemble.bucket_logits(matrix), ensemble.bucket_table, hashed, estimator)[0].sum()

    checked = 0
    for entry in range(len(step)):
        up, down = hashed.feature_values.copy(), hashed.feature_values.copy()
        up[entry] += 1e-3
        down[entry] -= 1e-3
        slope = (loss(up) - loss(down)) / 2e-3
        if abs(slope) > 1e-3:
            assert np.sign(slope) == np.sign(step[entry])
            checked += 1
    assert checked > len(step) // 2
