"""The benchmark of supporting points on a small data set."""

from __future__ import annotations

import importlib
import json
import os

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.errors import InputError
from tests.helpers import programs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    generator, directory = np.random.default_rng(0), str(tmp_path_factory.mktemp("data") / "dataset")
    labels = scipy.sparse.csr_matrix(np.eye(4)[generator.integers(4, size=80)])
    features = scipy.sparse.random(80, 20, 0.3, "csr", random_state=0) + labels @ scipy.sparse.eye(4, 20)
    mach_tf.write_dataset(features[:60], labels[:60], directory, test=(features[60:], labels[60:]))
    return directory


def test_leaves_points_out(dataset, capsys):
    flags = ["--preset=bibtex", "--repetitions=1", "--epochs=1", "--points=2", "--removed=3"]
    programs.run("benchmarks.supporting_points", f"--dataset_dir={dataset}", *flags)
    *table, last = capsys.readouterr().out.splitlines()
    found = json.loads(last)
    assert (found["points"], found["removed"]) == (2, 3) and len(table) >= 6
    supporting, *others = found["lost"].values()
    assert list(found["lost"]) == ["supporting", "nearest with the label", "random with the label", "random"]
    assert supporting["more_without_supporting"]["mean"] == 0
    for other in others:
        difference = supporting["lost"]["mean"] - other["lost"]["mean"]
        assert other["more_without_supporting"]["mean"] == pytest.approx(difference)
    lost = supporting["lost"]["mean"]
    assert list(found["ratios"].values()) == [
        pytest.approx(other["lost"]["mean"] / lost, rel=1e-2, abs=1e-3) for other in others
    ]


def test_needs_labels_with_enough_points(dataset):
    with pytest.raises(InputError, match=r"At least 2 test points must have a best label with 200 .*\(got 0\)"):
        programs.run(
            "benchmarks.supporting_points",
            f"--dataset_dir={dataset}",
            "--preset=bibtex",
            "--repetitions=1",
            "--epochs=1",
            "--removed=100",
        )


def test_a_stopped_run_goes_on(dataset, tmp_path, capsys, monkeypatch):
    flags = ["--preset=bibtex", "--repetitions=1", "--epochs=1", "--points=2", "--removed=3"]
    flags = ["program", f"--dataset_dir={dataset}", f"--output_dir={tmp_path}", *flags]
    programs.forget_flags()
    benchmark = importlib.import_module("benchmarks.supporting_points")
    train, trained = benchmark._trained, []

    def stop_at(count):
        def trained_or_stopped(data, training, directory):
            trained.append(len(training))
            if len(trained) == count:
                raise KeyboardInterrupt
            return train(data, training, directory)

        monkeypatch.setattr(benchmark, "_trained", trained_or_stopped)

    benchmark.FLAGS(flags)
    stop_at(7)
    with pytest.raises(KeyboardInterrupt):
        benchmark.main([])
    # The whole model and four for the first test point are finished; the second point begins again.
    trained.clear()
    stop_at(0)
    benchmark.main([])
    assert trained == [57] * 4
    assert json.loads((tmp_path / "supporting_points.json").read_text())["points"] == 2
    assert os.listdir(tmp_path) == ["supporting_points.json"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["removed"] == 3
