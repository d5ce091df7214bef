"""Trains the R bucket classifiers of a MACH model, adversarially, on a preprocessed dataset.

    python -m train.main --dataset_dir data/demo --model_dir models/demo --buckets 1000 --repetitions 8

writes a model directory: model.json, one SavedModel a repetition, TensorBoard logs. Stopped or killed, the same command goes on
from the last checkpoint; finished repetitions are not trained again.
"""

from __future__ import annotations

import os
import sys

from absl import flags, logging

from mach_tf import startup
from mach_tf.buckets import BucketSpec
from mach_tf.choices import LABEL_HASHES, LEARNING_RATE_DECAYS, OPTIMIZERS, STRATEGIES, SUPPORTS
from mach_tf.manifest import MODEL_FILE
from mach_tf.programs import program, shared_flags
from mach_tf.programs.flag_errors import flag_errors, with_flags
from mach_tf.sizing.resources import ResourcePlan
from mach_tf.training import resume
from mach_tf.training.run_options import RunOptions
from mach_tf.training.stop import StopSignal
from mach_tf.training_config import TrainingConfig

FLAGS = flags.FLAGS
_DEFAULTS = TrainingConfig()

# Where
shared_flags.define_dataset_dir()
flags.DEFINE_string("model_dir", None, "Model directory to make or to go on with.", required=True)

# The bucket table
flags.DEFINE_integer("buckets", 2000, "B, the number of buckets of a repetition.", lower_bound=2)
flags.DEFINE_integer("repetitions", 8, "R, the number of repetitions.", lower_bound=1)
flags.DEFINE_enum("label_hash", "murmur3", LABEL_HASHES, "Hash family of the bucket table.")

# The classifiers
flags.DEFINE_integer("hidden_units", _DEFAULTS.hidden_units, "Hidden units of a repetition.")
flags.DEFINE_float("dropout", _DEFAULTS.dropout, "Probability that a hidden unit is left out of a step.")
flags.DEFINE_float("feature_dropout", _DEFAULTS.feature_dropout, "Probability that a feature of a point is left out.")
flags.DEFINE_float("hidden_init_stddev", _DEFAULTS.hidden_init_stddev, "Standard deviation of W1's initial values.")

# Optimization
flags.DEFINE_integer("epochs", _DEFAULTS.epochs, "Passes over the training split.")
flags.DEFINE_integer("batch_size", _DEFAULTS.batch_size, "Points a step, over all replicas.")
flags.DEFINE_float("learning_rate", _DEFAULTS.learning_rate, "Learning rate at the start.")
flags.DEFINE_enum(
    "learning_rate_decay", _DEFAULTS.learning_rate_decay, LEARNING_RATE_DECAYS, "Course to zero over all steps."
)
flags.DEFINE_enum(
    "optimizer",
    _DEFAULTS.optimizer,
    OPTIMIZERS,
    "laprop and lazy_adam update only the rows of W1 that have a gradient.",
)
flags.DEFINE_float(
    "optimizer_epsilon",
    _DEFAULTS.optimizer_epsilon,
    "In Adam's denominator (in LaProp's its square, under the root) for the gradient of the loss summed over the buckets. The "
    "larger, the less the optimizer evens out frequent and rare features: try 1e-4 to 1e-3 and a learning rate of 0.02.",
)
flags.DEFINE_bool("mixed_precision", _DEFAULTS.mixed_precision, "Products with W2 in bfloat16; for GPUs that have it.")
flags.DEFINE_integer("seed", _DEFAULTS.seed, "Of bucket table, initial weights, dropout and the order of the data.")

# Adversarial training
flags.DEFINE_float("adversarial_weight", _DEFAULTS.adversarial_weight, "Lambda; 0 trains on the clean loss alone.")
flags.DEFINE_float("epsilon", _DEFAULTS.epsilon, "Size of the FGSM perturbation.")
flags.DEFINE_enum("fgsm_support", _DEFAULTS.fgsm_support, SUPPORTS, "Coordinates that FGSM may move.")

# The run; nothing here changes the weights
flags.DEFINE_enum(
    "strategy",
    "mirrored",
    STRATEGIES,
    "All visible devices, the first, or those of TF_CONFIG's processes, which share --dataset_dir and --model_dir.",
)
flags.DEFINE_string("group_size", "auto", "Repetitions trained side by side in one step; auto: as memory allows.")
flags.DEFINE_string("repetition_range", None, "FIRST:END, the repetitions to train here; all by default.")
flags.DEFINE_float(
    "checkpoint_minutes",
    10.0,
    "Minutes between checkpoints, besides one each epoch; 0: only those.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "validation_points", 2000, "Points of the validation split measured each epoch; 0 for none.", lower_bound=0
)


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    from mach_tf.training.progress import Progress
    from mach_tf.training.run import train

    with flag_errors():
        config = TrainingConfig(**{name: getattr(FLAGS, name) for name in TrainingConfig.__dataclass_fields__})
        spec = BucketSpec(FLAGS.buckets, FLAGS.repetitions, FLAGS.label_hash, FLAGS.seed)
        progress, stop = Progress(_warn, _print_resources, bars=True), StopSignal()
        _advise_plan()
        result = train(FLAGS.dataset_dir, FLAGS.model_dir, config, spec, _options(), progress, stop)
    if result.stopped:
        print("Stopped; the state is saved, and the same command goes on from it.", file=sys.stderr)
        sys.exit(stop.status)
    if result.resources is None:
        print(f"{FLAGS.model_dir}: every repetition asked for is trained already.")
        return
    print(result)
    print(
        f"{FLAGS.model_dir} holds {MODEL_FILE} and repetitions; look at it with: tensorboard --logdir {FLAGS.model_dir}"
    )


def _options() -> RunOptions:
    asked = resume.parse_range(FLAGS.repetition_range, FLAGS.repetitions) if FLAGS.repetition_range else None
    return RunOptions(
        strategy=FLAGS.strategy,
        group_size=FLAGS.group_size,
        repetition_range=(asked.start, asked.stop) if asked else None,
        checkpoint_minutes=FLAGS.checkpoint_minutes,
        validation_points=FLAGS.validation_points,
    )


def _advise_plan() -> None:
    if not FLAGS["buckets"].present and not os.path.exists(os.path.join(FLAGS.model_dir, MODEL_FILE)):
        logging.warning(
            "Settings that are not given are the same for any data; fitted to this one they usually learn better: "
            "python -m train.plan --dataset_dir=%s --output=mine.flags",
            FLAGS.dataset_dir,
        )


def _warn(text: str) -> None:
    logging.warning("%s", with_flags(text))


def _print_resources(planned: ResourcePlan) -> None:
    print(planned.table(), file=sys.stderr)


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
