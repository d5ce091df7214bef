"""certification: what mach_tf.certify proves of raw points, compared with attacks, and what it refuses."""

import os

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.errors import InputError
from mach_tf.evaluation import certification
from mach_tf.evaluation.certification import CertificationOptions, certify_dataset
from tests.helpers import rankers


@pytest.fixture(scope="module")
def certified(evaluated):
    model = mach_tf.Ensemble.load(evaluated.model_dir)
    options = {"attacks": ["pgd", "push_out"], "ks": [1, 4]}
    return model, mach_tf.certify(model, *evaluated.test, epsilon=[0, 0.001, 0.1], **options)


def test_between_what_attacks_leave_and_nothing(evaluated, certified):
    model, found = certified
    labels = evaluated.test[1].toarray() > 0
    hit = np.take_along_axis(labels, model.top_k(evaluated.test[0], k=4).labels, axis=1)
    np.testing.assert_array_equal(found.clean, np.stack([hit[:, :1].sum(axis=1), hit.sum(axis=1)], axis=1))
    for size in found.sizes:
        assert (size.points.hits <= size.attacked).all() and (size.attacked <= found.clean).all()
    assert found.attacks == ("pgd", "push_out (pgd)")
    small, large = found.sizes[1], found.sizes[2]
    assert small.points.hits.sum() > large.points.hits.sum()


def test_the_program_s_call_certifies_the_same_points(evaluated, certified):
    options = CertificationOptions(epsilons=[0.001], ks=[1, 4])
    found = certify_dataset(evaluated.model_dir, evaluated.dataset_dir, options, limit=10)
    np.testing.assert_array_equal(found.sizes[0].points.hits, certified[1].sizes[1].points.hits[:10])
    assert found.sizes[0].attacked is None


@pytest.mark.parametrize("certified_before", [0, 1, 2])
def test_an_interrupted_run_continues_to_the_same_result(evaluated, tmp_path, monkeypatch, certified_before):
    options = CertificationOptions(epsilons=[0.001, 0.1], ks=[1, 4], attacks=["pgd"])
    expected = certify_dataset(evaluated.model_dir, evaluated.dataset_dir, options, limit=10)
    monkeypatch.setattr(certification, "_BLOCK", 4)
    certify, calls = certification.CertificateRun.certify, []

    def interrupted(self, points, *arguments):
        if len(calls) == certified_before:
            raise KeyboardInterrupt
        calls.append(len(points))
        return certify(self, points, *arguments)

    arguments = (evaluated.model_dir, evaluated.dataset_dir, options)
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(certification.CertificateRun, "certify", interrupted)
        certify_dataset(*arguments, limit=10, output_dir=str(tmp_path))
    with pytest.raises(InputError, match="unfinished certificates"):
        certify_dataset(*arguments, limit=9, output_dir=str(tmp_path))
    # Attacks are not repeated either.
    monkeypatch.setattr(certification, "_attacked", None)
    certified_before = -1
    monkeypatch.setattr(certification.CertificateRun, "certify", interrupted)
    found = certify_dataset(*arguments, limit=10, output_dir=str(tmp_path))
    assert calls == [4, 4, 2]
    assert sorted(name for name in os.listdir(tmp_path) if name[0] != ".") == [
        "certificates.json", "certificates.npz", "certificates.png"
    ]  # fmt: skip
    assert found.to_json() == expected.to_json()
    for name, array in expected.arrays().items():
        np.testing.assert_array_equal(found.arrays()[name], array)


def test_a_directory_stands_for_its_model(evaluated, certified):
    found = mach_tf.certify(evaluated.model_dir, *evaluated.test, epsilon=0.1, ks=[1, 4])
    np.testing.assert_array_equal(found.sizes[0].points.hits, certified[1].sizes[2].points.hits)


@pytest.fixture(scope="module")
def ranked(evaluated, tmp_path_factory):
    shape = mach_tf.Ensemble.load(evaluated.model_dir).manifest
    copy = str(tmp_path_factory.mktemp("models") / "ranked")
    return mach_tf.Ensemble.load(rankers.with_ranker(evaluated.model_dir, copy, shape.labels, shape.columns))


def perturbed(model, features, epsilon, support, clip, rng):
    """Corners of a point's box, at random and along the differences of the ranker's weights, and points between; [m, D]."""
    values, weights = features.toarray(), model.ranker.weights.toarray()
    one, other = rng.integers(0, len(weights), (2, 60))
    moves = np.sign(
        np.concatenate([weights[one] - weights[other], weights[one], rng.standard_normal((60, len(values[0])))])
    )
    moves[::4] *= rng.random((len(moves[::4]), 1))
    if support == "nonzero":
        moves *= values != 0
    moved = (values + np.float32(epsilon) * moves.astype(np.float32)).astype(np.float32)
    return np.maximum(moved, 0) if clip else moved


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("support", ["nonzero", "dense"])
def test_no_perturbation_violates_a_certificate_of_a_model_with_a_ranker(evaluated, ranked, support, clip):
    X, Y = evaluated.test
    X = abs(X) if clip else X
    epsilons, ks, rng = [0, 1e-4, 0.003, 0.03], (1, 4), np.random.default_rng(0)
    features, labels = ranked.hash(X), Y.toarray() > 0
    settings = {"ks": ks, "support": support, "clip_nonnegative": clip, "attacks": ["pgd"]}
    found = mach_tf.certify(ranked, X, Y, epsilons, **settings)
    clean = ranked.decode(features, ranked.labels)
    np.testing.assert_array_equal(found.top_labels, clean.labels[:, :4])
    for size in found.sizes:
        assert (size.points.hits <= size.attacked).all()
        for point, row in enumerate(labels):
            values = perturbed(ranked, features[point], size.epsilon, support, clip, rng)
            decoded = ranked.decode(scipy.sparse.csr_matrix(values), ranked.labels)
            if size.points.top_unchanged[point]:
                assert (decoded.labels[:, 0] == clean.labels[point, 0]).all()
            for hits, k in zip(size.points.hits[point], ks):
                assert row[decoded.labels[:, :k]].sum(axis=1).min() >= hits
            order = np.argsort(decoded.labels, axis=1)
            scores = np.take_along_axis(decoded.scores, order, axis=1)[:, clean.labels[point, :4]]
            low, high = size.points.scores[point].T
            assert (low <= scores).all() and (scores <= high).all()
    assert found.sizes[0].points.top_unchanged.all()
    np.testing.assert_allclose(found.sizes[0].points.scores.mean(axis=2), clean.scores[:, :4], rtol=1e-4)
    shares = [size.points.top_unchanged.mean() for size in found.sizes]
    assert shares == sorted(shares, reverse=True) and shares[1] > 0.5 and shares[3] < 1


def test_a_ranker_changes_what_is_certified_and_a_model_without_it_is_certified_as_before(evaluated, ranked):
    without = mach_tf.Ensemble.load(ranked.model_dir, ranker=False)
    of_ensemble, before = (mach_tf.certify(each, *evaluated.test, 0.001) for each in (without, evaluated.model_dir))
    np.testing.assert_array_equal(of_ensemble.sizes[0].points.scores, before.sizes[0].points.scores)
    found = mach_tf.certify(ranked, *evaluated.test, 0.001)
    assert (found.top_labels != before.top_labels).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "mean"}, "need the estimator logit_mean"),
        ({"epsilon": [0.1, 0.1]}, "epsilon must be a list of different"),
        ({"epsilon": -1}, "epsilon"),
        ({"support": "all"}, "support"),
        ({"effort": -1}, "effort"),
        ({"branches": -1}, "branches"),
        ({"attacks": ["strong"]}, "attack"),
        ({"attacks": ["drop_words"]}, "must change values"),
        ({"ks": [31]}, "30 labels"),
        ({"clip_nonnegative": True}, "not negative"),
    ],
)
def test_refusals(evaluated, options, message):
    X, Y = evaluated.test
    with pytest.raises(InputError, match=message):
        mach_tf.certify(evaluated.model_dir, -X, Y, **options)
