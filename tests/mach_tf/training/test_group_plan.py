from __future__ import annotations

import dataclasses
import random

import pytest

from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.sizing import resources
from mach_tf.training import checkpoints, group_plan
from mach_tf.training.run import train
from mach_tf.training.run_options import RunOptions
from tests.mach_tf.training.test_resume import MANIFEST
from tests.mach_tf.training.test_run import CONFIG, SPEC, StopAfter, assert_same_bits


@pytest.mark.parametrize("size", [1, 2, 4, 9])
def test_groups_cover_what_is_pending_once(size):
    groups = group_plan.arrange([0, 1, 3, 4, 5], size)
    assert [r for group in groups for r in group] == [0, 1, 3, 4, 5]
    assert all(len(group) <= size for group in groups)


def test_a_group_with_a_checkpoint_comes_first_as_it_was(tmp_path):
    state = tmp_path / "checkpoints" / "repetitions-003" / "epoch-0001-step-00000000"
    state.mkdir(parents=True)
    checkpoints.write_state(str(state), {"repetitions": [3, 4], "epoch": 1, "step": 0})
    begun = checkpoints.unfinished_groups(str(tmp_path))
    # Repetition 3 was exported before the process died; its group still goes on whole.
    assert group_plan.arrange([0, 1, 4, 5], 3, begun) == [(3, 4), (0, 1, 5)]
    assert group_plan.arrange([0, 1], 3, begun) == [(0, 1)]


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("done", range(4))
def test_whatever_fits_now_the_groups_that_are_left_are_those_of_the_first_plan(size, done):
    first = group_plan.arrange(range(8), 3)
    pending = [repetition for group in first[done:] for repetition in group]
    begun = first[done : done + 1]
    assert (
        group_plan.arrange(pending, size, begun, first) == group_plan.arrange(pending, size, (), first) == first[done:]
    )


def test_any_plan_covers_what_is_pending():
    for seed in range(200):
        draw = random.Random(seed)
        pending = sorted(draw.sample(range(12), draw.randint(1, 12)))
        plans = [group_plan.arrange(sorted(draw.sample(range(12), 7)), draw.randint(1, 5)) for _ in range(2)]
        groups = group_plan.arrange(pending, draw.randint(1, 6), draw.sample(plans[0], 1), plans[1])
        trained = [repetition for group in groups for repetition in group]
        assert {*pending} <= {*trained} and len(trained) == len({*trained})
        assert all(group in groups for group in plans[1] if {*group} <= {*pending} - {*groups[0]})


@pytest.mark.parametrize(
    "groups", [[[0, 1], [1]], [[6]], [[-1]], [[1, 0]], [[]], [[True]], [0], "ab", [["a"]], {"0": [1]}, None, [[0.5]]]
)
def test_a_record_that_cannot_be_is_refused(tmp_path, groups):
    dataclasses.replace(MANIFEST, run={"groups": groups}).write(str(tmp_path))
    with pytest.raises(InputError, match=r"model\.json must record groups of its repetitions.*damaged: restore it"):
        group_plan.recorded(str(tmp_path))


def test_what_has_no_record_has_no_groups(tmp_path):
    assert group_plan.recorded(str(tmp_path)) == []
    MANIFEST.write(str(tmp_path))
    assert group_plan.recorded(str(tmp_path)) == []


def test_a_run_resumed_with_more_memory_ends_with_the_same_bits(dataset, trained, tmp_path, monkeypatch):
    """`trained` had groups of 2; so has this one, until it is stopped and more would fit."""
    model, automatic = str(tmp_path / "model"), RunOptions("one_device")
    monkeypatch.setattr(resources, "_WIDEST_GROUP", 2 * CONFIG.hidden_units)
    assert train(dataset, model, CONFIG, SPEC, automatic, stop=StopAfter(6)).stopped
    monkeypatch.undo()
    assert ModelManifest.read(model).run["groups"] == [[0, 1], [2]]
    (tmp_path / "model" / "checkpoints").rename(tmp_path / "lost")
    result = train(dataset, model, CONFIG, SPEC, automatic)
    assert [group.repetitions for group in result.groups] == [(0, 1), (2,)]
    assert_same_bits(model, trained)


def test_a_recorded_plan_that_no_longer_fits_is_refused_with_the_size_that_does(
    dataset, trained, tmp_path, monkeypatch
):
    model = dataclasses.replace(ModelManifest.read(trained), run={"groups": [[0, 1, 2]]})
    model.write(str(tmp_path))
    manifest, options = DatasetManifest.read(dataset), RunOptions("one_device")
    free = [1 << 40, 1 << 40, 1 << 20]  # asked for the size of groups, and to check it; then for the plan
    monkeypatch.setattr(resources, "available_memory", lambda: free.pop(0))
    message = r"They were planned that way; give group_size=1 to plan anew"
    with pytest.raises(InputError, match=message):
        group_plan.plan(str(tmp_path), model, manifest, [0, 1, 2], options, 1, pytest.fail, agree=lambda size: 1)


def test_a_size_that_is_given_plans_anew(dataset, trained, tmp_path):
    model = dataclasses.replace(ModelManifest.read(trained), run={"groups": [[0, 1, 2]]})
    model.write(str(tmp_path))
    manifest = DatasetManifest.read(dataset)
    for size, expected in (("auto", [(0, 1, 2)]), (2, [(0, 1), (2,)])):
        options = RunOptions("one_device", group_size=size)
        groups, planned = group_plan.plan(str(tmp_path), model, manifest, [0, 1, 2], options, 1, pytest.fail)
        assert groups == expected and planned.group_size == len(expected[0])
