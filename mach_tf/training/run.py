"""Trains all repetitions that are asked for, from a dataset directory to a model directory; a stopped run can go on."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import Callable, Optional

from mach_tf import kept_files
from mach_tf.buckets import BucketSpec
from mach_tf.data import one_label
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.training import (
    checkpoints,
    claims,
    cluster,
    group_plan,
    group_training,
    resume,
    strategies,
    worker_settings,
)
from mach_tf.training.meeting import Alone, Meeting
from mach_tf.training.progress import Progress, ProgressBar
from mach_tf.training.results import GroupResult, TrainingResult
from mach_tf.training.run_options import RunOptions
from mach_tf.training.stop import Stop
from mach_tf.training.training_data import open_dataset, unusual
from mach_tf.training.waiting import Stopped
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

    Stopped or killed, the same call goes on from the last checkpoint. A call with more repetitions than before adds
    repetitions; the trained ones stay as they are. A call that is refused leaves `model_dir` as it is.

    Args:
      dataset_dir: a dataset directory.
      model_dir: the model directory; made if missing.
      config: the training settings.
      bucket_spec: the hash functions of all repetitions.
      options: where and how to train; RunOptions() by default.
      progress: where to report to; by default nowhere.
      stop: entered while workers are waited for and groups are trained, and asked after every step; by default the run is never stopped.

    Returns:
      What was trained, and what was planned for it.

    Raises:
      InputError: the dataset cannot be trained on, `model_dir` holds a different training, memory or disk do not suffice, an
        option is out of its range, a shard or checkpoint is damaged, a loss or a weight is not finite, or the workers that
        TF_CONFIG names do not come or have other settings.
    """
    options, progress, stop = options or RunOptions(), progress or Progress(), stop or Stop()
    dataset_dir, model_dir = os.fspath(dataset_dir), os.fspath(model_dir)
    data = open_dataset(dataset_dir)
    dataset = data.manifest
    if config.multiclass:
        for split in [split for split in ("train", "valid") if split in dataset.splits]:
            one_label.check_split(data, split)
    model = _manifest(dataset_dir, dataset, model_dir, config, bucket_spec, options)
    writes = cluster.is_chief(options.strategy)
    warnings: list[str] = []

    def warn(text: str) -> None:
        if writes:  # the others would only repeat the chief
            warnings.append(text)
            progress.warn(text)

    for text in unusual(dataset_dir, dataset, bucket_spec.buckets, config.batch_size):
        warn(text)
    pending = resume.pending(model_dir, bucket_spec.repetitions, options.repetition_range)
    if not pending:
        _check_directory(model_dir, model, warn, "full")  # it will be called trained
        if writes:
            # Missing where parts were merged into an empty directory.
            claims.start(model_dir, model)
            kept_files.copy(dataset_dir, model_dir)
            checkpoints.remove_finished(model_dir)
        return TrainingResult(model_dir, warnings=tuple(warnings))
    with contextlib.ExitStack() as held, stop:
        try:
            with _meeting(options, stop, progress) as workers:
                found = workers.exchange(worker_settings.gather(model_dir, model, options, pending))
                worker_settings.check_same(found, workers.addresses)
                if writes:
                    # First, because of two trainings with different settings the second must hear of the first.
                    claims.check_free(model_dir, pending)
                _check_directory(model_dir, model, warn)
                workers.exchange("checked")  # whoever is refused must be known before TensorFlow waits for it
                strategy = strategies.create(options.strategy)
                replicas = strategies.local_replicas(strategy)
                groups, planned = group_plan.plan(
                    model_dir,
                    model,
                    dataset,
                    pending,
                    options,
                    replicas,
                    warn,
                    lambda size: min(workers.exchange(size)),
                )
                model = dataclasses.replace(model, run={**model.run, group_plan.GROUPS: groups})
                if writes:
                    # Not before: a run that is refused leaves the directory free for one with other settings.
                    held.enter_context(claims.claimed(model_dir, model, pending, groups))
                    kept_files.copy(dataset_dir, model_dir)
                workers.exchange("planned")
        except Stopped:
            return TrainingResult(model_dir, stopped=True, warnings=tuple(warnings))
        if writes:
            progress.planned(planned)
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
        with strategies.lost_workers_named(strategy):
            finished, stopped = _train_groups(job, groups, progress.bars)
        if writes and not stopped:
            checkpoints.remove_finished(model_dir)
    return TrainingResult(model_dir, tuple(finished), stopped, planned, tuple(warnings))


def _check_directory(model_dir: str, model: ModelManifest, warn: Callable[[str], None], verify: str = "sizes") -> None:
    more = resume.check_same(model_dir, model)
    for text in resume.other_names(model_dir, model):
        warn(text)
    resume.check_trained(model_dir, model, verify)
    if more:
        has = model.bucket_spec.repetitions - more
        warn(f"{model_dir} gets {more} repetition(s) in addition to its {has}, which stay as they are.")


def _meeting(options: RunOptions, stop: Stop, progress: Progress) -> Alone:
    if options.strategy != cluster.MULTIWORKER:
        return Alone()
    return Meeting(cluster.read(), options.worker_timeout, stop.requested, progress.waiting)


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
        text=dataset.text,
        files_sha256=kept_files.of_dataset(dataset_dir, dataset),
        training_points=dataset.split("train").points,
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
