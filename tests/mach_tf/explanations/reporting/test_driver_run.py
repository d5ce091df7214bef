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
    arrays = driver_run.DriverRun._arrays

    def interrupted(self, block):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(block.first_point)
        return arrays(self, block)

    monkeypatch.setattr(driver_run.DriverRun, "_arrays", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(world, tmp_path)
    assert sum(name.startswith("global-part") for name in os.listdir(tmp_path)) == 2
    with pytest.raises(InputError, match=r"unfinished explanations of another model.*differ: settings\.estimator"):
        run(world, tmp_path, "--estimator=mean")
    again = []
    monkeypatch.setattr(
        driver_run.DriverRun, "_arrays", lambda self, block: again.append(block.first_point) or arrays(self, block)
    )
    np.testing.assert_allclose(run(world, tmp_path).toarray(), expected[0], atol=1e-12)
    assert again and not set(again) & set(written)


def test_parts_without_their_description_are_neither_used_nor_removed(world, tmp_path, expected):
    for number in range(3):
        np.savez(tmp_path / f"global-part-{number:05d}.npz", data=[1e9], indices=[0], indptr=[0, 1], counts=[1])
    with pytest.raises(InputError, match=r"holds global-part-00000\.npz, but no global-run\.json"):
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
    arrays = driver_run.DriverRun._arrays

    def meddle(self, block):
        os.utime(path, ns=(1, 1))
        return arrays(self, block)

    monkeypatch.setattr(driver_run.DriverRun, "_arrays", meddle)
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


def test_ranges_of_points_make_the_whole(world, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(driver_run, "_BLOCK_BYTES", 256)
    path = str(tmp_path / "long.txt")
    worlds.write_text(path, *(scipy.sparse.vstack([m] * 40, format="csr") for m in (world.features, world.labels)))
    world = world._replace(text=path)
    whole = run(world, tmp_path / "whole")
    flags = [f"--dataset_dir={world.dataset}", f"--model_dir={world.model}", f"--input={path}", "--labels=all"]
    for part in ("0/3", "2/3"):
        programs.run("explain.main", *flags, f"--output_dir={tmp_path / 'out'}", f"--point_range={part}")
    said = capsys.readouterr().out
    assert "0/3: " in said and "without the range writes global.npz and global.tsv" in said
    assert not (tmp_path / "out" / "global.npz").exists()
    merged = run(world, tmp_path / "out")
    assert [array.tobytes() for array in (merged.data, merged.indices, merged.indptr)] == [
        array.tobytes() for array in (whole.data, whole.indices, whole.indptr)
    ]
    assert (tmp_path / "out" / "global.tsv").read_bytes() == (tmp_path / "whole" / "global.tsv").read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [(["--labels=all", "--point_range=3"], "point_range must be"), (["--point_range=0/2"], "labels=all")],
)
def test_a_range_that_means_nothing_is_refused(world, tmp_path, flags, message):
    arguments = [f"--dataset_dir={world.dataset}", f"--model_dir={world.model}", f"--output_dir={tmp_path}", *flags]
    with pytest.raises(InputError, match=message):
        programs.run("explain.main", *arguments)


def test_sums_do_not_depend_on_how_they_are_added_up():
    total = driver_run._Total((2, 3))
    for value in range(1, 12):
        total.add(scipy.sparse.csr_matrix(([float(value)], ([value % 2], [value % 3])), (2, 3)), np.array([1, 2]))
    expected = np.zeros((2, 3))
    for value in range(1, 12):
        expected[value % 2, value % 3] += value
    np.testing.assert_array_equal(total.sums().toarray(), expected)
    assert total.counts.tolist() == [11, 22]
