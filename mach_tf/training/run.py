"""Trains all repetitions that are asked for, from a dataset directory to a model directory; a stopped run can go on."""

from __future__ import annotations

import dataclasses
import os
from typing import Optional

from mach_tf.buckets import BucketSpec
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.training import checkpoints, group_plan, group_training, resume, strategies
from mach_tf.training.progress import Progress, ProgressBar
from mach_tf.training.results import GroupResult, TrainingResult
from mach_tf.training.run_options import RunOptions
from mach_tf.training.stop import Stop
from mach_tf.training.training_data import open_dataset, unusual
from mach_tf.training_config import TrainingConfig


def train(
    dataset_dir: str,
    model_dir: str,
    config: TrainingConfig,
    bucket_spec: BucketSpec,
    options: Optional[RunOptions] = None,
    progress: Optional[Progress] = None,
    stop: Optional[Stop] = None,
) -> TrainingResult:
    """Trains the repetitions that are not trained yet, group by group.

    Stopped or killed, the same call goes on from the last checkpoint. A call that is refused leaves `model_dir` as it is.

    Args:
      dataset_dir: a dataset directory.
      model_dir: the model directory; made if missing.
      config: the training settings.
      bucket_spec: the hash functions of all repetitions.
      options: where and how to train; RunOptions() by default.
      progress: where to report to; by default nowhere.
      stop: entered while groups are trained, and asked after every step; by default the run is never stopped.

    Returns:
      What was trained, and what was planned for it.

    Raises:
      InputError: the dataset cannot be trained on, `model_dir` holds a different training, memory or disk do not suffice, an
        option is out of its range, a shard or checkpoint is damaged, or a loss is not finite.
    """
    options, progress, stop = options or RunOptions(), progress or Progress(), stop or Stop()
    dataset_dir, model_dir = os.fspath(dataset_dir), os.fspath(model_dir)
    data = open_dataset(dataset_dir)
    dataset = data.manifest
    model = _manifest(dataset_dir, dataset, model_dir, config, bucket_spec, options)
    warnings: list[str] = []

    def warn(text: str) -> None:
        warnings.append(text)
        progress.warn(text)

    for text in unusual(dataset_dir, dataset, bucket_spec.buckets, config.batch_size):
        warn(text)
    pending = resume.pending(model_dir, bucket_spec.repetitions, options.repetition_range)
    writes = strategies.is_chief(options.strategy)
    resume.check_same(model_dir, model)
    for text in resume.other_names(model_dir, model):
        warn(text)
    resume.check_trained(model_dir, model)
    if not pending:
        if writes:
            # Missing where parts were merged into an empty directory.
            resume.start(model_dir, model)
            checkpoints.remove_finished(model_dir)
        return TrainingResult(model_dir, warnings=tuple(warnings))
    strategy = strategies.create(options.strategy)
    replicas = strategies.local_replicas(strategy)
    groups, planned = group_plan.plan(model_dir, model, dataset, pending, options, replicas, warn)
    model = dataclasses.replace(model, run={**model.run, group_plan.GROUPS: groups})
    progress.planned(planned)
    if writes:
        # Not before: a run that is refused leaves the directory free for one with other settings.
        resume.start(model_dir, model)
    with stop:
        job = group_training.Job(
            data,
            model_dir,
            model,
            strategy,
            options.validation_points,
            options.checkpoint_minutes,
            strategies.agreed(strategy, stop.requested),
            writes,
            options.curves,
            warn,
        )
        finished, stopped = _train_groups(job, groups, progress.bars)
    if writes and not stopped:
        checkpoints.remove_finished(model_dir)
    return TrainingResult(model_dir, tuple(finished), stopped, planned, tuple(warnings))


def _manifest(
    dataset_dir: str,
    dataset: DatasetManifest,
    model_dir: str,
    config: TrainingConfig,
    bucket_spec: BucketSpec,
    options: RunOptions,
) -> ModelManifest:
    return ModelManifest(
        features=dataset.features,
        labels=dataset.labels,
        feature_spec=dataset.feature_spec,
        bucket_spec=bucket_spec,
        training=config,
        dataset_fingerprint=dataset.fingerprint,
        versions=resume.library_versions(),
        run={"dataset_dir": dataset_dir, "model_dir": model_dir, **options.recorded()},
        names_sha256=dataset.names_sha256,
    )


def _train_groups(job: group_training.Job, groups: list[tuple[int, ...]], bars: bool) -> tuple[list[GroupResult], bool]:
    """Returns the results of the groups that were finished, and whether a stop was requested."""
    finished = []
    for number, group in enumerate(groups):
        name = f"group {number + 1}/{len(groups)}"
        bar = ProgressBar(name, job.steps_per_epoch, job.config.epochs, shown=bars and job.writes)
        try:
            result = group_training.train_group(job, group, [bar])
        finally:
            bar.close()
        if result:
            finished.append(result)
        if job.stop_requested():
            return finished, True
    return finished, False
