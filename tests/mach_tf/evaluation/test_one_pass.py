"""One pass over the points, in chunks of any size, gives what decoding all at once gives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf import estimators, points
from mach_tf.decoding import decode
from mach_tf.decoding.approximate import Approximate, recall
from mach_tf.decoding.decode import Decoder
from mach_tf.ensemble import Ensemble
from mach_tf.evaluation import one_pass
from mach_tf.name_scores import name_score
from tests.helpers import text_model


@pytest.mark.parametrize(
    ("repetitions", "counts"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 2, 4, 8]), (9, [1, 2, 4, 8, 9])]
)
def test_repetition_counts_double_and_end_with_all(repetitions, counts):
    assert one_pass.repetition_counts(repetitions) == counts


@pytest.mark.parametrize("chunk", [1, 4, 100])
@pytest.mark.parametrize("approximate", [None, Approximate(3, 1)])
def test_chunks_change_nothing(evaluated, chunk, approximate):
    ensemble = Ensemble.load(evaluated.model_dir)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(*evaluated.test))
    logits = ensemble.bucket_logits(hashed.features(40))
    ensemble.chunk_points = chunk
    result = one_pass.run(ensemble, hashed, one_pass.PassOptions(4, ["mean", "logit_mean"], approximate, [1, 2, 3]))
    for estimator in ("mean", "logit_mean"):
        scores = estimators.bucket_scores(logits, estimator)
        exact = ensemble.decoder.top_k(scores, 4, estimator)
        found = approximate.top_k(ensemble.decoder, scores, 4, estimator) if approximate else exact
        np.testing.assert_array_equal(result.decoded[estimator].labels, found.labels)
        if approximate:
            assert result.recall[estimator] == pytest.approx(recall(found.labels, exact.labels))
    assert set(result.recall) == ({"mean", "logit_mean"} if approximate else set())
    for count in (1, 2, 3):
        scores = estimators.bucket_scores(logits[:, :count], "mean")
        expected = decode.top_k(scores, ensemble.bucket_table[:count], ensemble.decoder.first(count).members, 4, "mean")
        np.testing.assert_array_equal(result.by_repetitions[count], expected[0])


@pytest.mark.parametrize("chunk", [1, 100])
@pytest.mark.parametrize("excluding", [False, True])
def test_names_count_in_every_way_of_decoding(tmp_path, chunk, excluding):
    model = Ensemble.load(text_model.write(tmp_path / "texts", names=[*text_model.WORDS, "x", "y", "z", "light wave"]))
    model.chunk_points = chunk
    hashed = model.manifest.feature_spec.apply(model.texts.points(text_model.RECORDS[:3]))
    features = hashed.features(model.manifest.columns)
    added = name_score(model, 2.0)
    every = np.tile(np.arange(text_model.LABELS), (3, 1))
    excluded = scipy.sparse.csr_matrix((np.ones(1), ([1], [2])), (3, text_model.LABELS)) if excluding else None
    options = one_pass.PassOptions(4, ["mean", "logit_mean"], None, [1, 2], excluded, added)
    result = one_pass.run(model, hashed, options)

    def expected(estimator, count):
        scores = estimators.bucket_scores(model.bucket_logits(features)[:, :count], estimator)
        sums = estimators.label_scores(scores, model.bucket_table[:count], every, estimator)
        sums = sums + 2 * added.similarity.cosines(features).toarray()
        if excluding:
            sums[1, 2] = -np.inf
        return np.argsort(-sums, axis=1, kind="stable")[:, :4]

    for estimator in ("mean", "logit_mean"):
        np.testing.assert_array_equal(result.decoded[estimator].labels, expected(estimator, 2))
    for count in (1, 2):
        np.testing.assert_array_equal(result.by_repetitions[count], expected("mean", count))
    plain = one_pass.run(model, hashed, one_pass.PassOptions(4, ["mean"]))
    assert (plain.decoded["mean"].labels != result.decoded["mean"].labels).any()


def test_seconds_of_decoding_are_those_of_the_way_asked_for(evaluated, monkeypatch):
    ensemble = Ensemble.load(evaluated.model_dir)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(*evaluated.test))
    clock = [0.0]

    def taking(seconds, way):
        def top_k(*arguments):
            clock[0] += seconds
            return way(*arguments)

        return top_k

    monkeypatch.setattr(one_pass.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(Decoder, "top_k", taking(100, Decoder.top_k))
    monkeypatch.setattr(Approximate, "top_k", taking(1, Approximate.top_k))
    seconds = [
        one_pass.run(ensemble, hashed, one_pass.PassOptions(4, ["mean"], way)).decoding_seconds
        for way in (None, Approximate(3, 1))
    ]
    assert seconds == [100, 1]


def test_the_whole_model_is_decoded_once(evaluated, monkeypatch):
    ensemble = Ensemble.load(evaluated.model_dir)
    hashed = ensemble.manifest.feature_spec.apply(points.from_csr(*evaluated.test))
    decoded, way = [], Decoder.top_k
    monkeypatch.setattr(Decoder, "top_k", lambda self, *rest: decoded.append(len(self.table)) or way(self, *rest))
    one_pass.run(ensemble, hashed, one_pass.PassOptions(4, ["mean"], None, [1, 2, 3]))
    assert decoded == [3, 1, 2]
