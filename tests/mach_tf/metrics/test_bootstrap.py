"""Bootstrap intervals: against SciPy's, the normal approximation, and known cases."""

import numpy as np
import pytest
import scipy.stats

from mach_tf.errors import InputError
from mach_tf.metrics import bootstrap
from mach_tf.metrics.ranking_metrics import PerPoint


def plain(values):
    return PerPoint(np.asarray(values, np.float64), np.ones(len(values)))


def random_metrics(seed, points=400):
    rng = np.random.default_rng(seed)
    ideal = rng.uniform(0.5, 2, points)
    return {"P@1": plain(rng.integers(0, 2, points)), "PSP@5": PerPoint(ideal * rng.random(points), ideal)}


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scipy(seed):
    metrics = random_metrics(seed)
    ours = bootstrap.intervals(metrics, samples=4000, seed=seed)
    for name, metric in metrics.items():
        expected = scipy.stats.bootstrap(
            (metric.numerator, metric.denominator),
            lambda a, b, axis: 100 * a.sum(axis) / b.sum(axis),
            paired=True,
            vectorized=True,
            n_resamples=4000,
            method="percentile",
            random_state=np.random.default_rng(seed + 100),
        ).confidence_interval
        # Both are Monte Carlo estimates: an end of the interval is uncertain by some 1% of its width.
        tolerance = 0.05 * (expected.high - expected.low)
        assert ours[name] == pytest.approx((expected.low, expected.high), abs=tolerance)


def test_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        low, high = bootstrap.intervals({"P@1": plain(rng.random(150) < 0.3)}, samples=300, seed=trial)["P@1"]
        covered += low <= 30 <= high
    assert 184 <= covered <= 197


@pytest.mark.parametrize("chunk_bytes", [8, 8 * 400 * 7, 1 << 30])
def test_the_same_seed_gives_the_same_whatever_the_chunks(monkeypatch, chunk_bytes):
    expected = bootstrap.intervals(random_metrics(1), samples=50, seed=3)
    monkeypatch.setattr(bootstrap, "_CHUNK_BYTES", chunk_bytes)
    again = bootstrap.intervals(random_metrics(1), samples=50, seed=3)
    for name, interval in expected.items():
        assert again[name] == pytest.approx(interval, rel=1e-12)
    assert bootstrap.intervals(random_metrics(1), samples=50, seed=4) != again


def test_constant_metrics_have_no_width():
    assert bootstrap.intervals({"P@1": plain(np.full(20, 0.25))})["P@1"] == (25.0, 25.0)
    nothing = PerPoint(np.zeros(5), np.zeros(5))
    assert bootstrap.intervals({"PSP@1": nothing})["PSP@1"] == (0.0, 0.0)


def test_mean_interval_holds_the_mean_and_narrows():
    values = np.random.default_rng(0).normal(size=4000)
    low, high = bootstrap.mean_interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(4000), rel=0.15)
    assert bootstrap.mean_interval(values) == (low, high)


def test_a_model_does_not_differ_from_itself():
    metrics = random_metrics(2)
    for difference in bootstrap.paired_differences(metrics, metrics).values():
        assert difference == bootstrap.Difference(0.0, 0.0, 0.0)


def test_pairing_sees_what_two_intervals_do_not():
    rng = np.random.default_rng(0)
    theirs = rng.random(300)
    difference = bootstrap.paired_differences({"P@1": plain(theirs + 0.01)}, {"P@1": plain(theirs)})["P@1"]
    assert difference.difference == pytest.approx(1.0)
    assert (difference.low, difference.high) == pytest.approx((1.0, 1.0))
    low, high = bootstrap.intervals({"P@1": plain(theirs)})["P@1"]
    assert high - low > 5


def test_paired_differences_need_the_same_points_and_a_shared_metric():
    with pytest.raises(ValueError, match="same points"):
        bootstrap.paired_differences({"P@1": plain([1, 0])}, {"P@1": plain([1])})
    with pytest.raises(ValueError, match="no metric"):
        bootstrap.paired_differences({"P@1": plain([1])}, {"P@3": plain([1])})


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="samples"):
        bootstrap.intervals(random_metrics(0), samples=0)


def test_points_survive_a_file(tmp_path):
    path = str(tmp_path / "per_point.npz")
    metrics = random_metrics(4)
    bootstrap.write_points(path, metrics)
    read = bootstrap.read_points(path)
    assert list(read) == list(metrics)
    for name, metric in metrics.items():
        np.testing.assert_array_equal(read[name].numerator, metric.numerator)
        np.testing.assert_array_equal(read[name].denominator, metric.denominator)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut off", None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "per_point.npz"
    if content is None:
        np.save(str(path) + ".npy", np.arange(3))
        path = tmp_path / "per_point.npz.npy"
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match="evaluate the other model"):
        bootstrap.read_points(str(path))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        bootstrap.read_points(str(tmp_path / "none.npz"))
