"""Label drivers of a whole split against explanations added up one by one; interrupted and resumed runs."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest
import scipy.sparse

from mach_tf import locks
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.explanations.reporting import driver_run
from tests.helpers import programs, rankers
from tests.helpers import world as worlds


def run(world, output_dir, *flags):
    programs.run(
        "explain.main",
        f"--dataset_dir={world.dataset}",
        f"--model_dir={world.model}",
        f"--input={world.text}",
        f"--output_dir={output_dir}",
        "--labels=all",
        *flags,
    )
    return scipy.sparse.load_npz(os.path.join(output_dir, "global.npz"))


@pytest.fixture(scope="module")
def expected(world):
    ensemble = Ensemble.load(world.model)
    sums, counts = np.zeros((30, 60)), np.zeros(30)
    for point, label in zip(*world.labels.nonzero()):
        sums[label] += ensemble.explain(world.features[point], np.array([label])).toarray()[0]
        counts[label] += 1
    return sums / np.maximum(counts, 1)[:, None], counts


def test_means_over_each_labels_points(world, tmp_path, expected, capsys):
    np.testing.assert_allclose(run(world, tmp_path).toarray(), expected[0], atol=1e-12)
    assert sorted(os.listdir(tmp_path)) == ["global.npz", "global.tsv"]
    with open(tmp_path / "global.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert {int(row["label"]) for row in rows} == set(np.flatnonzero(expected[1]))
    for row in rows:
        value = expected[0][int(row["label"]), int(row["feature"])]
        assert float(row["mean_attribution"]) == pytest.approx(value, rel=1e-4)
        assert int(row["points"]) == expected[1][int(row["label"])]
    assert worlds.HOSTILE in {row["feature_name"] for row in rows}
    assert "features with the largest mean attributions" in capsys.readouterr().out


def test_what_a_ranker_adds_is_among_the_drivers(world, tmp_path):
    model = rankers.with_ranker(world.model, str(tmp_path / "ranked"), 30, 40)
    found, ensemble = run(world._replace(model=model), tmp_path / "drivers"), Ensemble.load(model)
    points, labels = world.labels.nonzero()
    (label,) = labels[:1]
    own = points[labels == label]
    expected = ensemble.explain(world.features[own], np.full(len(own), label)).mean(axis=0)
    np.testing.assert_allclose(found[label].toarray(), expected, atol=1e-9)


def test_an_interrupted_run_goes_on(world, tmp_path, expected, monkeypatch):
    # Repeating every point forty times keeps the means, and makes the text longer than the 64 KiB read with the header.
    path = str(tmp_path / "long.txt")
    worlds.write_text(path, *(scipy.sparse.vstack([m] * 40, format="csr") for m in (world.features, world.labels)))
    world, tmp_path = world._replace(text=path), tmp_path / "out"
    monkeypatch.setattr(driver_run, "_BLOCK_BYTES", 4096)
    written = []
    write_part = driver_run.DriverRun._write_part

    def interrupted(self, path, raw, first_point):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write_part(self, path, raw, first_point)

    monkeypatch.setattr(driver_run.DriverRun, "_write_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(world, tmp_path)
    assert sum(name.startswith("global-part") for name in os.listdir(tmp_path)) == 2
    with pytest.raises(InputError, match="unfinished run with another"):
        run(world, tmp_path, "--estimator=mean")
    again = []
    monkeypatch.setattr(
        driver_run.DriverRun, "_write_part", lambda self, *a: (again.append(a[0]), write_part(self, *a))
    )
    np.testing.assert_allclose(run(world, tmp_path).toarray(), expected[0], atol=1e-12)
    assert again and not set(again) & set(written)


def test_parts_without_their_description_are_neither_used_nor_removed(world, tmp_path, expected):
    for number in range(3):
        np.savez(tmp_path / f"global-part-{number:05d}.npz", data=[1e9], indices=[0], indptr=[0, 1], counts=[1])
    with pytest.raises(InputError, match=r"holds global-part-00000\.npz, but no global\.json"):
        run(world, tmp_path)
    assert sorted(os.listdir(tmp_path)) == [f"global-part-{number:05d}.npz" for number in range(3)]
    for name in os.listdir(tmp_path):
        os.rename(tmp_path / name, tmp_path / f"{name}.txt")
    np.testing.assert_allclose(run(world, tmp_path).toarray(), expected[0], atol=1e-12)
    assert len(os.listdir(tmp_path)) == 3 + 2


def test_of_two_runs_in_one_directory_the_second_is_told_of_the_first(world, tmp_path):
    with locks.exclusive(str(tmp_path / ".global.lock")), pytest.raises(InputError, match=rf"process {os.getpid()} on"):
        run(world, tmp_path)


def test_a_text_that_changes_while_it_is_read_is_refused(world, tmp_path, monkeypatch):
    path = str(tmp_path / "points.txt")
    worlds.write_text(path, world.features, world.labels)
    write_part = driver_run.DriverRun._write_part

    def meddle(self, *arguments):
        os.utime(path, ns=(1, 1))
        write_part(self, *arguments)

    monkeypatch.setattr(driver_run.DriverRun, "_write_part", meddle)
    with pytest.raises(InputError, match=r"points.txt changed while it was read"):
        run(world._replace(text=path), tmp_path / "out")
    assert not os.path.exists(tmp_path / "out" / "global.npz")


def test_text_without_labels_is_refused(world, tmp_path):
    path = str(tmp_path / "unlabelled.txt")
    worlds.write_text(path, world.features, scipy.sparse.csr_matrix(world.labels.shape))
    with pytest.raises(InputError, match="no point has a label"):
        run(world._replace(text=path), tmp_path / "out")


def test_a_pipe_is_refused_as_it_is_read_twice(world, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe must be a regular file"):
        run(world._replace(text=str(tmp_path / "pipe")), tmp_path / "out")
