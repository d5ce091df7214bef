"""The benchmark of supporting points on a small data set."""

from __future__ import annotations

import json

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
