"""Trains the R bucket classifiers of a MACH model, adversarially, on a preprocessed dataset.

    mach-train --dataset_dir data/demo --model_dir models/demo --buckets 1000 --repetitions 8

writes a model directory: model.json, one SavedModel per repetition, and TensorBoard logs. If it is stopped or killed, the same
command goes on from the last checkpoint; finished repetitions are not trained again. The settings may come from a preset
(--preset=eurlex57k) or from a file (--flagfile=mine.flags, as mach-plan writes it).
"""

from __future__ import annotations

import os
import sys

from absl import flags, logging

from mach_tf import progress_bars, startup
from mach_tf.buckets import BucketSpec
from mach_tf.choices import LABEL_HASHES
from mach_tf.manifest import MODEL_FILE
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors, with_flags
from mach_tf.sizing.resources import ResourcePlan
from mach_tf.training import calibration_fraction, cluster
from mach_tf.training.settings import DEFAULT_BUCKETS, DEFAULT_REPETITIONS
from mach_tf.training.stop import StopSignal
from mach_tf.training.training_data import read_dataset
from train import run_flags, training_flags

FLAGS = flags.FLAGS

# Where
shared_flags.define_dataset_dir()
flags.DEFINE_string(
    "model_dir", None, "Writes the model to this directory, or resumes the training that it holds.", required=True
)
training_flags.define_preset()

# The bucket table
flags.DEFINE_integer(
    "buckets",
    DEFAULT_BUCKETS,
    "Sets B, the number of buckets of each repetition, at least 2. More buckets separate labels better, and each of them learns from "
    "fewer points.",
    lower_bound=2,
)
flags.DEFINE_integer(
    "repetitions",
    DEFAULT_REPETITIONS,
    "Sets R, the number of repetitions. More repetitions are more accurate; time and memory grow in proportion. Raise it to add "
    "repetitions to a trained model: those that it has stay as they are.",
    lower_bound=1,
)
flags.DEFINE_enum("label_hash", "murmur3", LABEL_HASHES, "Chooses the hash family of the bucket table.")

# The classifiers
training_flags.define("task", "hidden_units", "dropout", "feature_dropout", "hidden_init_stddev")

# Optimization
training_flags.define("epochs", "batch_size", "learning_rate", "learning_rate_decay", "optimizer", "optimizer_epsilon")
training_flags.define("mixed_precision", "seed")
training_flags.define_by_rule("calibration_fraction")
# The name in flagfiles of earlier versions.
flags.DEFINE_alias("adam_epsilon", "optimizer_epsilon")

# Adversarial training
training_flags.define("adversarial", "adversarial_weight", "epsilon", "fgsm_support", "adversarial_steps", "ibp_ramp")

# The ranker
flags.DEFINE_bool(
    "ranker",
    False,
    "Trains a ranker too, after the repetitions: a sparse linear classifier of each label, which adds to the label scores. It helps labels "
    "with few training points. A trained model gets one by the same command with --ranker; nothing takes it away.",
)

# The run; nothing here changes the weights
flags.adopt_module_key_flags(run_flags)


_STOPPED = "Stopped; the state is saved, and the same command goes on from it."
# Nothing is planned yet while workers are waited for.
_STOPPED_EARLY = "Stopped before training began; the same command starts again."


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions(tensorboard=True)
    from mach_tf.training import calibration, ranker_training
    from mach_tf.training.progress import Progress
    from mach_tf.training.run import train

    with flag_errors():
        training_flags.apply_preset()
        spec = BucketSpec(FLAGS.buckets, FLAGS.repetitions, FLAGS.label_hash, FLAGS.seed)
        config, options = training_flags.config(), run_flags.options()
        data, asked = read_dataset(FLAGS.dataset_dir), (FLAGS.calibrate, FLAGS.calibration_fraction)
        config = calibration_fraction.choose(config, data, FLAGS.model_dir, FLAGS.repetitions, *asked)
        if FLAGS.ranker:
            ranker_training.check_task(config)
        calibration.check(FLAGS.dataset_dir, FLAGS.calibrate, config.calibration_fraction)
        if cluster.is_chief(FLAGS.strategy):
            _advise_plan()
        progress, stop = Progress(_warn, _print_resources, bars=True, waiting=progress_bars.report), StopSignal()
        result = train(FLAGS.dataset_dir, FLAGS.model_dir, config, spec, options, progress, stop)
        ranked = calibrated = None
        if not result.stopped and cluster.is_chief(FLAGS.strategy):
            ranked = ranker_training.complete(FLAGS.dataset_dir, FLAGS.model_dir, options.ranker or None)
            unseen = ranked.unseen if ranked else None
            calibrated = calibration.complete(FLAGS.dataset_dir, FLAGS.model_dir, FLAGS.calibrate, unseen)
    if result.stopped:
        progress_bars.report(_STOPPED if result.resources else _STOPPED_EARLY)
        sys.exit(stop.status)
    if result.resources is None:
        print(f"{FLAGS.model_dir}: all requested repetitions are trained already.")
    else:
        print(result)
    for added in (ranked, calibrated):
        if added is not None:
            print(added)
    if result.resources is not None:
        print(
            f"{FLAGS.model_dir} holds the model. See its training curves with: tensorboard --logdir {FLAGS.model_dir}"
        )


def _advise_plan() -> None:
    if not FLAGS["buckets"].present and not os.path.exists(os.path.join(FLAGS.model_dir, MODEL_FILE)):
        logging.warning(
            "The default settings are the same for all data; settings chosen for these data usually learn better: "
            "mach-plan --dataset_dir=%s --output=mine.flags",
            FLAGS.dataset_dir,
        )


def _warn(text: str) -> None:
    logging.warning("%s", with_flags(text))


def _print_resources(planned: ResourcePlan) -> None:
    progress_bars.report(planned.table())


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
