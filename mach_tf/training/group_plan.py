"""Which repetitions are trained side by side: as many as the memory holds, and in a run that resumes as they were planned first.

The sums of a group are rounded as its size demands, so a resumed run ends with the same bits only in the same groups. What fits
in memory differs from run to run; model.json therefore records the groups.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Callable

from mach_tf.errors import InputError
from mach_tf.manifest import MODEL_FILE, DatasetManifest, ModelManifest
from mach_tf.sizing import least_time, memory_plan, resources
from mach_tf.sizing.memory_plan import Shapes
from mach_tf.sizing.resources import AUTO, ResourcePlan
from mach_tf.training.checkpoints import unfinished_groups
from mach_tf.training.run_options import RunOptions

# Its name among the settings of `ModelManifest.run`.
GROUPS = "groups"

Group = tuple[int, ...]


def plan(
    model_dir: str,
    model: ModelManifest,
    dataset: DatasetManifest,
    pending: Sequence[int],
    options: RunOptions,
    replicas: int,
    warn: Callable[[str], None],
    agree: Callable[[int], int] = int,
) -> tuple[list[Group], ResourcePlan]:
    """Returns the groups to train and what the largest needs, once memory and disk are known to suffice.

    Args:
      model_dir: the model directory.
      model: its manifest.
      dataset: the dataset's manifest.
      pending: the repetitions without a SavedModel, ascending.
      options: the options of the run; their group size is kept to, except by groups that began otherwise.
      replicas: the number of replicas that share this machine's memory.
      warn: takes a warning.
      agree: takes the largest group that fits here, and returns the largest that fits in every worker.

    Raises:
      InputError: memory or disk does not suffice, or the training would take more than a month.
    """
    split, config = dataset.split("train"), model.training
    features = split.features / split.points
    shapes = Shapes(model.columns, model.bucket_spec.buckets, features, replicas, model.labels)
    size = agree(resources.group_size(options.group_size, config, shapes, len(pending)))
    begun = unfinished_groups(model_dir)
    groups = arrange(pending, size, begun, recorded(model_dir) if options.group_size == AUTO else [])
    largest = max(groups, key=len)
    if len(largest) > size:
        advice = (
            f"They were started that way; remove {model_dir}/checkpoints to start them again in groups of {size}"
            if largest in begun
            else f"They were planned that way; give group_size={size} to plan anew, which rounds differently"
        )
        resources.check_memory(config, shapes, len(largest), advice)
        if largest in begun:
            warn(f"Repetitions {largest[0]}-{largest[-1]} continue side by side, as they started.")
    planned = ResourcePlan(memory_plan.plan(config, shapes, len(largest)), len(largest), len(pending))
    if not options.force:
        resources.check_disk(model_dir, planned.memory, len(pending))
        least_time.check_time(least_time.least_seconds(config, shapes, split.points, len(pending), len(groups)))
    return groups, planned


def arrange(
    pending: Sequence[int], size: int, begun: Sequence[Group] = (), planned: Sequence[Group] = ()
) -> list[Group]:
    """Returns the pending repetitions in groups; groups that have a checkpoint come first, unchanged.

    Args:
      pending: the repetitions without a SavedModel, ascending.
      size: the number of repetitions per new group.
      begun: the groups that have a checkpoint.
      planned: groups of an earlier plan; those of which every repetition is pending are kept.
    """
    first = [group for group in begun if set(group) & set(pending)]
    free = set(pending).difference(*first)
    kept = [group for group in planned if free.issuperset(group)]
    rest = sorted(free.difference(*kept))
    return first + sorted([*kept, *(tuple(rest[i : i + size]) for i in range(0, len(rest), size))])


def recorded(model_dir: str) -> list[Group]:
    """Returns the groups that model.json records; none if there is no model.json.

    Raises:
      InputError: model.json is damaged.
    """
    if not os.path.exists(os.path.join(model_dir, MODEL_FILE)):
        return []
    model = ModelManifest.read(model_dir)
    groups = model.run.get(GROUPS, [])
    if _are_groups(groups, model.bucket_spec.repetitions):
        return [tuple(group) for group in groups]
    raise InputError(
        f"{os.path.join(model_dir, MODEL_FILE)} must record groups of its repetitions, each in one group (got {groups!r}); the "
        "file is damaged: restore it."
    )


def merged(earlier: Sequence[Group], later: Sequence[Group]) -> list[Group]:
    """Returns all groups of a later plan, and of an earlier one those that share no repetition with them."""
    again = {repetition for group in later for repetition in group}
    return sorted([*(group for group in earlier if not again & set(group)), *later])


def _are_groups(value: object, repetitions: int) -> bool:
    """Returns whether a value of model.json is a list of disjoint groups, each a list of repetitions in ascending order."""
    if not (isinstance(value, list) and all(isinstance(group, list) and group for group in value)):
        return False
    numbers = [number for group in value for number in group]
    return (
        all(type(number) is int and 0 <= number < repetitions for number in numbers)
        and len({*numbers}) == len(numbers)
        and all(group == sorted(group) for group in value)
    )
