"""Trains the R bucket classifiers of a MACH model, adversarially, on a preprocessed dataset.

    python -m train.main --dataset_dir data/demo --model_dir models/demo --buckets 1000 --repetitions 8

writes a model directory: model.json, one SavedModel a repetition, TensorBoard logs. Stopped or killed, the same command goes on
from the last checkpoint; finished repetitions are not trained again.
"""

from __future__ import annotations

import os
import sys

from absl import flags, logging
from tabulate import tabulate

from mach_tf import startup
from mach_tf.buckets import BucketSpec
from mach_tf.choices import LABEL_HASHES, LEARNING_RATE_DECAYS, OPTIMIZERS, STRATEGIES, SUPPORTS
from mach_tf.manifest import MODEL_FILE, DatasetManifest, ModelManifest, repetition_directory
from mach_tf.programs import program, shared_flags
from mach_tf.sizing import memory_plan, resources
from mach_tf.sizing.memory_plan import Shapes
from mach_tf.training import resume
from mach_tf.training.stop import StopSignal
from mach_tf.training.training_data import read_dataset
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

_RUN_FLAGS = (
    "dataset_dir",
    "model_dir",
    "strategy",
    "group_size",
    "repetition_range",
    "checkpoint_minutes",
    "validation_points",
)


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    from mach_tf.training import checkpoints, group_training, strategies
    from mach_tf.training.progress import ProgressBar

    dataset = read_dataset(FLAGS.dataset_dir)
    model = _model_manifest(dataset)
    _warn(dataset, model)
    pending, writes = _pending(model), strategies.is_chief(FLAGS.strategy)
    resume.check_same(FLAGS.model_dir, model)
    if not pending:
        if writes:
            # Missing where parts were merged into an empty directory.
            resume.start(FLAGS.model_dir, model)
            checkpoints.remove_finished(FLAGS.model_dir)
        print(f"{FLAGS.model_dir}: every repetition asked for is trained already.")
        return
    strategy = strategies.create(FLAGS.strategy)
    groups = _plan(dataset, model, pending, strategies.local_replicas(strategy))
    if writes:
        # Not before: a run that is refused leaves the directory free for one with other flags.
        resume.start(FLAGS.model_dir, model)
    with StopSignal() as stop:
        stop_requested = strategies.agreed(strategy, stop.requested)
        job = group_training.Job(
            FLAGS.dataset_dir,
            dataset,
            FLAGS.model_dir,
            model,
            strategy,
            FLAGS.validation_points,
            FLAGS.checkpoint_minutes,
            stop_requested,
            writes,
        )
        results = []
        for number, group in enumerate(groups):
            name = f"group {number + 1}/{len(groups)}"
            bar = ProgressBar(name, job.steps_per_epoch, job.config.epochs, shown=job.writes)
            try:
                result = group_training.train_group(job, group, [bar])
            finally:
                bar.close()
            if result:
                results.append(result)
            if stop_requested():
                print("Stopped; the state is saved, and the same command goes on from it.", file=sys.stderr)
                sys.exit(stop.status)
    if writes:
        checkpoints.remove_finished(FLAGS.model_dir)
    _report(results)


def _model_manifest(dataset: DatasetManifest) -> ModelManifest:
    names = TrainingConfig.__dataclass_fields__
    config = TrainingConfig(**{name: getattr(FLAGS, name) for name in names})
    return ModelManifest(
        features=dataset.features,
        labels=dataset.labels,
        feature_spec=dataset.feature_spec,
        bucket_spec=BucketSpec(FLAGS.buckets, FLAGS.repetitions, FLAGS.label_hash, FLAGS.seed),
        training=config,
        dataset_fingerprint=dataset.fingerprint,
        versions=resume.library_versions(),
        run={name: getattr(FLAGS, name) for name in _RUN_FLAGS},
    )


def _warn(dataset: DatasetManifest, model: ModelManifest) -> None:
    """Says what is unusual, or could be better."""
    points = dataset.split("train").points
    if not FLAGS["buckets"].present and not os.path.exists(os.path.join(FLAGS.model_dir, MODEL_FILE)):
        logging.warning(
            "Settings that are not given are the same for any data; fitted to this one they usually learn better: "
            "python -m train.plan --dataset_dir=%s --output=mine.flags",
            FLAGS.dataset_dir,
        )
    if FLAGS.batch_size > points:
        logging.warning(
            "--batch_size=%d is larger than the data: each epoch is one batch of %d.", FLAGS.batch_size, points
        )
    if FLAGS.buckets > model.labels:
        logging.warning(
            "--buckets=%d exceeds the %d labels: at least %d buckets of each repetition stay empty.",
            FLAGS.buckets,
            model.labels,
            FLAGS.buckets - model.labels,
        )
    unseen = int((dataset.label_counts(FLAGS.dataset_dir) == 0).sum())
    if unseen:
        logging.warning(
            "%d of %d labels have no training point; others in their buckets speak for them.", unseen, model.labels
        )


def _pending(model: ModelManifest) -> list[int]:
    """The repetitions asked for that are not trained yet."""
    total = model.bucket_spec.repetitions
    wanted = resume.parse_range(FLAGS.repetition_range, total) if FLAGS.repetition_range else range(total)
    return [r for r in wanted if not os.path.isdir(repetition_directory(FLAGS.model_dir, r))]


def _plan(dataset: DatasetManifest, model: ModelManifest, pending: list[int], replicas: int) -> list[tuple[int, ...]]:
    """The groups to train, after a look at memory and disk, both stated."""
    split = dataset.split("train")
    shapes = Shapes(model.columns, model.bucket_spec.buckets, split.features / split.points, replicas)
    config = model.training
    size = resources.group_size(FLAGS.group_size, config, shapes, len(pending))
    groups = resume.groups(FLAGS.model_dir, pending, size)
    largest = max(groups, key=len)
    if len(largest) > size:
        advice = f"They began so; remove {FLAGS.model_dir}/checkpoints to begin them anew, in groups of {size}"
        resources.check_memory(config, shapes, len(largest), advice)
        logging.warning("Repetitions %d-%d go on side by side, as they began.", largest[0], largest[-1])
    needed = memory_plan.plan(config, shapes, len(largest))
    resources.check_disk(FLAGS.model_dir, needed, len(pending))
    print(resources.table(needed, len(largest), len(pending)), file=sys.stderr)
    return groups


def _report(results: list) -> None:
    rows = []
    for result in results:
        for position, repetition in enumerate(result.repetitions):
            losses = [
                float(result.logs[n][position]) if n in result.logs else None
                for n in ("clean_loss", "adversarial_loss")
            ]
            rows.append([repetition, *losses])
    if rows:
        print(tabulate(rows, headers=["repetition", "clean loss", "adversarial loss"], floatfmt=".5f"))
    for result in results:
        numbers = f"{result.repetitions[0]}-{result.repetitions[-1]}"
        measured = ", ".join(f"{name} {value:.2f}" for name, value in result.logs.items() if name.startswith("P@"))
        print(f"Repetitions {numbers}: {result.seconds:.0f} s{'; validation ' + measured if measured else ''}")
    print(
        f"{FLAGS.model_dir} holds {MODEL_FILE} and repetitions; look at it with: tensorboard --logdir {FLAGS.model_dir}"
    )


if __name__ == "__main__":
    program.run(main)
