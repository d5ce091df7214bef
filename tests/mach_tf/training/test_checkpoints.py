from __future__ import annotations

import glob
import os
import shutil

import numpy as np
import pytest

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.manifest import repetition_directory
from mach_tf.training.checkpoints import GroupCheckpoints, Position, remove_finished, unfinished_groups
from mach_tf.training.optimizers.laprop import LazyLaProp
from tests.helpers.processes import leftover
from tests.mach_tf.training.test_model import batch_of, group


def compiled(seed=0):
    model = group([1, 2], seed=seed)
    model.compile(LazyLaProp(0.1))
    return model


STEPS = 20


def of_group(tmp_path, repetitions=(1, 2), training="this"):
    origins = [f"{training} training, repetition {repetition}" for repetition in repetitions]
    return GroupCheckpoints(str(tmp_path), repetitions, origins, STEPS)


def save(checkpoints, model, position):
    """Saves a model as if it had been trained up to that position."""
    model.optimizer.iterations.assign(position.epoch * STEPS + position.step)
    checkpoints.save(model, position)


def state(model):
    names = model.optimizer.get_slot_names()
    slots = [model.optimizer.get_slot(v, name) for v in model.trainable_variables for name in names]
    assert len(slots) == 8
    return [v.numpy() for v in (*model.trainable_variables, *slots, model.optimizer.iterations)]


def test_weights_slots_and_position_come_back(tmp_path):
    model, checkpoints = compiled(), of_group(tmp_path)
    assert checkpoints.restore(model) is None
    model.train_step(batch_of(16, [1, 2]))
    save(checkpoints, model, Position(3, 14))
    other = compiled(seed=5)
    assert checkpoints.restore(other) == Position(3, 14)
    for ours, theirs in zip(state(model), state(other)):
        np.testing.assert_array_equal(ours, theirs)
    assert int(other.optimizer.iterations) == 3 * STEPS + 14


def test_the_last_one_is_kept_and_its_position_wins(tmp_path):
    model, checkpoints = compiled(), of_group(tmp_path)
    for position in (Position(0, 9), Position(0, 10), Position(1, 0)):
        save(checkpoints, model, position)
    assert os.listdir(checkpoints.directory) == ["epoch-0001-step-00000000"]
    assert checkpoints.restore(compiled()) == Position(1, 0)
    assert unfinished_groups(str(tmp_path)) == [(1, 2)]
    checkpoints.remove()
    assert unfinished_groups(str(tmp_path)) == []


def test_what_a_killed_process_left_is_no_checkpoint_and_is_removed(tmp_path):
    checkpoints = of_group(tmp_path)
    leftover(checkpoints.directory, "epoch-0001-step-00000000")
    assert unfinished_groups(str(tmp_path)) == []
    assert checkpoints.restore(compiled()) is None
    checkpoints.remove_temporaries()
    assert os.listdir(checkpoints.directory) == []


class Killed(BaseException):
    """Ends the code as a signal would, whatever exceptions it catches."""


@pytest.fixture
def kill_in_removal(monkeypatch):
    """The process that removes a directory is killed when half of it is removed."""

    def remove_half(path, **_):
        for state in glob.glob(os.path.join(path, "**", "state.json"), recursive=True):
            os.remove(state)
            raise Killed

    with monkeypatch.context() as patches:
        patches.setattr("mach_tf.staging.shutil.rmtree", remove_half)
        yield patches


def test_killed_while_the_checkpoint_before_is_removed(tmp_path, kill_in_removal):
    model, checkpoints = compiled(), of_group(tmp_path)
    save(checkpoints, model, Position(1, 0))
    with pytest.raises(Killed):
        save(checkpoints, model, Position(2, 0))
    kill_in_removal.undo()
    assert unfinished_groups(str(tmp_path)) == [(1, 2)]
    assert checkpoints.restore(compiled()) == Position(2, 0)
    checkpoints.remove_temporaries()
    assert os.listdir(checkpoints.directory) == ["epoch-0002-step-00000000"]


def test_killed_while_the_checkpoints_of_a_finished_group_are_removed(tmp_path, kill_in_removal):
    model, checkpoints = compiled(), of_group(tmp_path)
    save(checkpoints, model, Position(1, 0))
    with pytest.raises(Killed):
        checkpoints.remove()
    kill_in_removal.undo()
    assert unfinished_groups(str(tmp_path)) == []
    remove_finished(str(tmp_path))
    assert os.path.isdir(checkpoints.directory), "repetition 1 is not exported; another process may train it"
    os.mkdir(repetition_directory(str(tmp_path), 1))
    remove_finished(str(tmp_path))
    assert not os.path.isdir(checkpoints.directory)


def test_killed_between_the_exports_and_the_removal(tmp_path, kill_in_removal):
    checkpoints = of_group(tmp_path)
    save(checkpoints, compiled(), Position(1, 0))
    os.mkdir(repetition_directory(str(tmp_path), 1))
    remove_finished(str(tmp_path))
    assert unfinished_groups(str(tmp_path)) == [(1, 2)]
    os.mkdir(repetition_directory(str(tmp_path), 2))
    with pytest.raises(Killed):
        remove_finished(str(tmp_path))
    kill_in_removal.undo()
    assert unfinished_groups(str(tmp_path)) == []
    remove_finished(str(tmp_path))
    assert not os.path.isdir(checkpoints.directory)


def test_the_last_checkpoint_speaks_for_its_group(tmp_path):
    """The state that a process leaves if it is killed after a checkpoint is renamed and before the previous one is removed."""
    checkpoints = of_group(tmp_path)
    save(checkpoints, compiled(), Position(1, 0))
    os.mkdir(os.path.join(checkpoints.directory, "epoch-0000-step-00000003"))
    assert unfinished_groups(str(tmp_path)) == [(1, 2)]
    assert checkpoints.restore(compiled()) == Position(1, 0)


def test_a_checkpoint_that_another_process_replaces_while_it_is_read(tmp_path, monkeypatch):
    model, checkpoints = compiled(), of_group(tmp_path)
    save(checkpoints, model, Position(1, 0))
    read = files.read_json

    def replaced(*arguments):
        monkeypatch.undo()
        save(checkpoints, model, Position(2, 0))
        return read(*arguments)

    monkeypatch.setattr("mach_tf.files.read_json", replaced)
    assert unfinished_groups(str(tmp_path)) == [(1, 2)]


def test_what_bears_other_names_is_no_checkpoint(tmp_path):
    checkpoints = of_group(tmp_path)
    save(checkpoints, compiled(), Position(1, 0))
    shutil.copytree(checkpoints.directory, f"{checkpoints.directory}-backup")
    os.mkdir(tmp_path / "checkpoints" / "repetitions-old")
    (tmp_path / "checkpoints" / "repetitions-003").touch()
    open(os.path.join(checkpoints.directory, "epochs.txt"), "w").close()
    assert unfinished_groups(str(tmp_path)) == [(1, 2)]
    remove_finished(str(tmp_path))
    assert checkpoints.restore(compiled()) == Position(1, 0)


@pytest.mark.parametrize("file", ["variable-00.npy", "variable-11.npy", "state.json"])
def test_a_damaged_checkpoint_is_refused_with_what_to_do(tmp_path, file):
    model, checkpoints = compiled(), of_group(tmp_path)
    save(checkpoints, model, Position(1, 0))
    (path,) = glob.glob(os.path.join(checkpoints.directory, "*", file))
    with open(path, "wb") as damaged:
        damaged.write(b"{}")
    with pytest.raises(InputError, match="remove"):
        checkpoints.restore(compiled())


@pytest.mark.parametrize(
    ("name", "value"),
    [("epoch", 7), ("step", 3), ("repetitions", [1]), ("repetitions", []), ("origins", ["a"]), ("sha256", None)],
)
def test_an_edited_checkpoint_is_refused(tmp_path, name, value):
    checkpoints = of_group(tmp_path)
    save(checkpoints, compiled(), Position(1, 0))
    (path,) = glob.glob(os.path.join(checkpoints.directory, "*", "state.json"))
    files.write_json(path, {**files.read_json(path, ""), name: value})
    for reads in (lambda: checkpoints.restore(compiled()), lambda: unfinished_groups(str(tmp_path))):
        with pytest.raises(
            InputError, match=r"must be as training wrote it, .*state\.json was altered.*remove it to train"
        ):
            reads()


@pytest.mark.parametrize("renamed", ["epoch-0007-step-00000000", "../repetitions-000/epoch-0001-step-00000000"])
def test_a_renamed_checkpoint_is_refused(tmp_path, renamed):
    """Its name says which checkpoint is the last, and its parent's which group it belongs to."""
    save(of_group(tmp_path), compiled(), Position(1, 0))
    (path,) = (tmp_path / "checkpoints" / "repetitions-001").iterdir()
    os.renames(path, path.parent / renamed)
    with pytest.raises(InputError, match="must be as training wrote it, but its name"):
        unfinished_groups(str(tmp_path))


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    save(of_group(tmp_path, training="another"), compiled(), Position(1, 0))
    model = compiled(seed=5)
    before = state(model)
    with pytest.raises(InputError, match=r"must be a checkpoint of this training.*or remove .* from its beginning\.$"):
        of_group(tmp_path).restore(model)
    for ours, theirs in zip(state(model), before):
        np.testing.assert_array_equal(ours, theirs)


def test_the_number_of_steps_must_be_that_of_the_position(tmp_path):
    checkpoints, model = of_group(tmp_path), compiled()
    model.optimizer.iterations.assign(STEPS + 3)
    checkpoints.save(model, Position(1, 2))
    with pytest.raises(
        InputError, match=rf"the state after {STEPS + 2} steps.*\(got the state after {STEPS + 3}\); remove"
    ):
        checkpoints.restore(compiled())


def test_one_flipped_bit_is_refused(tmp_path):
    model, checkpoints = compiled(), of_group(tmp_path)
    save(checkpoints, model, Position(1, 0))
    (path,) = glob.glob(os.path.join(checkpoints.directory, "*", "variable-04.npy"))
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    with pytest.raises(InputError, match=r"variable-04\.npy is damaged and cannot be read.*checksum.*remove"):
        checkpoints.restore(compiled())


def test_variables_larger_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr("mach_tf.variable_rows._BLOCK_FLOATS", 30)
    model, checkpoints = compiled(), of_group(tmp_path)
    save(checkpoints, model, Position(1, 0))
    other = compiled(seed=5)
    checkpoints.restore(other)
    for ours, theirs in zip(state(model), state(other)):
        np.testing.assert_array_equal(ours, theirs)


def test_a_failing_disk_is_said_and_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    model, checkpoints = compiled(), of_group(tmp_path)
    save(checkpoints, model, Position(1, 0))

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mach_tf.training.checkpoints._write", fail)
    with pytest.raises(InputError, match=r"No space left on device.*Make room"):
        save(checkpoints, model, Position(2, 0))
    assert os.listdir(checkpoints.directory) == ["epoch-0001-step-00000000"]


def test_folders_of_the_users_own_stay(tmp_path):
    checkpoints = of_group(tmp_path)
    mine = ("epoch-0000-step-00000001", "epoch-0001-step-00000000.123.tmp", "notes")
    for name in mine:
        os.makedirs(os.path.join(checkpoints.directory, name, "inner"))
    save(checkpoints, compiled(), Position(1, 0))
    checkpoints.remove_temporaries()
    checkpoints.remove()
    assert sorted(os.listdir(checkpoints.directory)) == sorted(mine)
    assert all(os.listdir(os.path.join(checkpoints.directory, name)) == ["inner"] for name in mine)
