"""One pass over the points, in chunks of any size, gives what decoding all at once gives."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators, points
from mach_tf.decoding import decode
from mach_tf.decoding.approximate import Approximate, recall
from mach_tf.decoding.decode import Decoder
from mach_tf.ensemble import Ensemble
from mach_tf.evaluation import one_pass


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
    result = one_pass.run(ensemble, hashed, one_pass.PassOptions(4, ["mean", "logit_mean"], approximate, [1, 2]))
    for estimator in ("mean", "logit_mean"):
        scores = estimators.bucket_scores(logits, estimator)
        exact = ensemble.decoder.top_k(scores, 4, estimator)
        found = approximate.top_k(ensemble.decoder, scores, 4, estimator) if approximate else exact
        np.testing.assert_array_equal(result.decoded[estimator].labels, found.labels)
        if approximate:
            assert result.recall[estimator] == pytest.approx(recall(found.labels, exact.labels))
    assert set(result.recall) == ({"mean", "logit_mean"} if approximate else set())
    for count in (1, 2):
        scores = estimators.bucket_scores(logits[:, :count], "mean")
        expected = decode.top_k(scores, ensemble.bucket_table[:count], ensemble.decoder.first(count).members, 4, "mean")
        np.testing.assert_array_equal(result.by_repetitions[count], expected[0])


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
