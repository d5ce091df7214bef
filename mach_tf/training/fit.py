"""`mach_tf.fit`: from a dataset directory to a trained model, in one call."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
import warnings
from typing import TYPE_CHECKING, Any, Optional, Union

from mach_tf import arguments, progress_bars, startup
from mach_tf.errors import InputError
from mach_tf.manifest import repetition_directory
from mach_tf.training import calibration_fraction
from mach_tf.training import settings as fit_settings
from mach_tf.training.run_options import DEFAULT_WORKER_TIMEOUT, RunOptions
from mach_tf.training.stop import Stop, StopSignal
from mach_tf.training.training_data import read_dataset

if TYPE_CHECKING:
    from mach_tf.ensemble import Ensemble

# From warnings.warn up to the caller of `fit`: _warn, run.train's warn, run.train, fit.
_CALLER = 5


def fit(
    dataset_dir: Union[str, os.PathLike[str]],
    model_dir: Union[str, os.PathLike[str]],
    *,
    plan: Optional[str] = "auto",
    buckets: Optional[int] = None,
    repetitions: Optional[int] = None,
    label_hash: Optional[str] = None,
    ranker: Optional[bool] = None,
    calibrate: Optional[bool] = None,
    strategy: str = "mirrored",
    group_size: Union[int, str] = "auto",
    repetition_range: Optional[tuple[int, int]] = None,
    cluster: Optional[str] = None,
    checkpoint_minutes: Optional[float] = 10.0,
    validation_points: int = 2000,
    curves: bool = True,
    worker_timeout: float = DEFAULT_WORKER_TIMEOUT,
    progress: bool = True,
    force: bool = False,
    **settings: Any,
) -> Optional[Ensemble]:
    """Trains a model on a preprocessed dataset, and opens it.

    If the call is stopped by Ctrl-C or killed, the same call resumes from the last checkpoint. If all repetitions are trained already, the
    call only opens the model. For settings that are not given, an existing model.json provides the values; settings that
    differ from it are refused, except for more repetitions, which are added to those that are trained.

    Args:
      dataset_dir: a dataset directory, as `write_dataset` and `preprocess` write it.
      model_dir: the model directory; made if missing.
      plan: "auto" chooses buckets, repetitions and training settings by the size of the data (`mach_tf.sizing`); the name of a
        preset (`mach_tf.presets.names()`) takes its settings; None takes the defaults of TrainingConfig, 2,000 buckets and 8
        repetitions. Arguments that are given override the plan.
      buckets: B, the number of buckets of each repetition, at least 2.
      repetitions: R, the number of repetitions. A larger number than that of an existing model adds repetitions to it.
      label_hash: the hash family of the bucket table: "murmur3", the default, or "universal".
      ranker: whether to train a ranker too: a sparse linear classifier of each label, which adds to the label scores. It helps labels with
        few training points, and takes little time. By default the plan "auto" trains one where labels
        have few points, and a preset as it says. False opens a model that has one without it.
      calibrate: whether to calibrate probabilities after the training, so that they are true as often as they say: on the validation split or,
        without one, on the training points that half of the repetitions do not learn from, a tenth or less (calibration_fraction). By default a
        new model is calibrated if it has such points; True calibrates a trained one too.
      strategy: "mirrored" trains on all visible devices, "one_device" on the first, "multiworker" on those of the processes
        that TF_CONFIG names, which share both directories.
      group_size: the number of repetitions trained side by side, or "auto" for as many as the memory holds.
      repetition_range: (first, end), the repetitions to train here, without `end`; None trains all.
      cluster: the address of a Ray cluster, as `ray.init` takes it ("ray://HOST:10001", "HOST:6379"), whose nodes share both directories: each
        trains a part of the repetitions, and a part whose node is lost resumes on another one. None trains in this process. Needs the extra
        `ray`.
      checkpoint_minutes: minutes between two checkpoints, in addition to those after epochs; both are saved less often if they take more
        than a fortieth of the time. 0 saves only after epochs; None saves only when a training is stopped.
      validation_points: the number of points of the validation split on which P@k is measured after each epoch; 0
        measures nothing.
      curves: whether to write TensorBoard curves of every step; they take longer than a step of small data.
      worker_timeout: seconds that a worker waits for the others, with "multiworker".
      progress: whether to draw progress bars on stderr, and to say which workers are waited for.
      force: whether to begin a training that takes more than a month, or more disk than is free.
      **settings: training settings: the fields of `mach_tf.training_config.TrainingConfig`, such as epochs, hidden_units,
        learning_rate, epsilon, adversarial_weight and seed.

    Returns:
      The trained model; None while repetitions are missing, because `repetition_range` left them out, and in a worker that is
      not the chief.

    Raises:
      InputError: what cannot be trained, or not with these settings; the message says what to change.
      KeyboardInterrupt: Ctrl-C; the state of the training is saved.

    Example:
      >>> model = mach_tf.fit("data/mine", "models/mine", epochs=5)
      >>> model.predict(X, k=5).shape == Y.shape
      True
    """
    for name, path in (("dataset_dir", dataset_dir), ("model_dir", model_dir)):
        _check_path(name, path)
    options = RunOptions(
        strategy,
        group_size,
        repetition_range,
        checkpoint_minutes,
        validation_points,
        curves,
        worker_timeout,
        calibrate=calibrate,
        force=force,
    )
    dataset_dir, model_dir = arguments.path(dataset_dir, "dataset_dir"), arguments.path(model_dir, "model_dir")
    if ranker is not None:
        arguments.switch(ranker, "ranker")
    named = {"buckets": buckets, "repetitions": repetitions, "label_hash": label_hash, "ranker": ranker}
    given = {**settings, **{name: value for name, value in named.items() if value is not None}}
    dataset = read_dataset(dataset_dir)
    chosen = fit_settings.resolve(dataset, model_dir, plan, given)
    fraction = settings.get("calibration_fraction")
    total = chosen.bucket_spec.repetitions
    config = calibration_fraction.choose(chosen.config, dataset, model_dir, total, calibrate, fraction)
    options = dataclasses.replace(options, ranker=chosen.ranker)
    for text in chosen.warnings:
        warnings.warn(text, stacklevel=2)
    # TensorFlow is imported late: the allocator must be set before, and a refused call need not wait for it.
    startup.prepare()
    startup.check_versions(tensorboard=curves)
    from mach_tf.ensemble import Ensemble
    from mach_tf.training import calibration, ranker_training, ray_cluster, run
    from mach_tf.training.cluster import is_chief
    from mach_tf.training.progress import Progress

    if chosen.ranker:
        ranker_training.check_task(chosen.config)
    calibration.check(dataset_dir, calibrate, config.calibration_fraction)
    # Only the main thread may set signal handlers.
    in_main_thread = threading.current_thread() is threading.main_thread()
    stop = StopSignal([signal.SIGINT]) if in_main_thread else Stop()
    shown = Progress(warn=_warn, bars=progress, waiting=progress_bars.report if progress else _ignore)
    job = (dataset_dir, model_dir, config, chosen.bucket_spec, options)
    result = run.train(*job, shown, stop) if cluster is None else ray_cluster.train(*job, cluster, shown, stop)
    if result.stopped:
        raise KeyboardInterrupt(f"Training stopped; {model_dir} holds its state, and the same call goes on from there.")
    whole = all(os.path.isdir(repetition_directory(model_dir, repetition)) for repetition in range(total))
    if not whole or not is_chief(strategy):
        return None
    ranked = ranker_training.complete(dataset_dir, model_dir, chosen.ranker, progress)
    calibration.complete(dataset_dir, model_dir, calibrate, ranked.unseen if ranked else None)
    return Ensemble.load(model_dir, ranker=chosen.ranker)


def _check_path(name: str, path: Any) -> None:
    if not isinstance(path, (str, os.PathLike)):
        advice = " Write matrices with mach_tf.write_dataset first, or use mach_tf.MachClassifier."
        raise InputError(f"{name} must be a path (got {type(path).__name__}).{advice if name == 'dataset_dir' else ''}")


def _ignore(_: str) -> None:
    pass


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=_CALLER)
