"""The flags of a training run that do not change the weights: devices, groups, checkpoints, validation."""

from __future__ import annotations

from absl import flags

from mach_tf.choices import STRATEGIES
from mach_tf.training import resume
from mach_tf.training.run_options import DEFAULT_WORKER_TIMEOUT, RunOptions

FLAGS = flags.FLAGS

flags.DEFINE_enum(
    "strategy",
    "mirrored",
    STRATEGIES,
    "Chooses the devices: mirrored uses all visible ones, one_device the first, multiworker those of the processes that "
    "TF_CONFIG names, which share --dataset_dir and --model_dir.",
)
flags.DEFINE_string(
    "group_size",
    "auto",
    "Sets the number of repetitions trained side by side in one step; auto trains as many as the memory holds.",
)
flags.DEFINE_string(
    "repetition_range",
    None,
    "Trains only the repetitions FIRST:END, without END, or PART/PARTS: the part with this number, from 0, of equal parts. Give each machine "
    "its own range; all may write the same --model_dir. By default all are trained.",
)
flags.DEFINE_float(
    "checkpoint_minutes",
    10.0,
    "Saves a checkpoint after this number of minutes, in addition to those after epochs; both are saved less often if they take more than "
    "a fortieth of the time. 0 saves only after epochs.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "validation_points",
    2000,
    "Sets the number of points of the validation split on which P@k is measured after each epoch; 0 measures nothing.",
    lower_bound=0,
)
flags.DEFINE_bool(
    "calibrate",
    None,
    "Calibrates the probabilities, after the repetitions and the ranker, so that a label predicted with a probability of 0.7 is right about seven "
    "times in ten: on the validation split or, without one, on training points that half of the repetitions do not learn from "
    "(--calibration_fraction). By default a new model is calibrated if it has such points. Give it to calibrate a trained model by the same command.",
)
flags.DEFINE_float(
    "worker_timeout",
    DEFAULT_WORKER_TIMEOUT,
    "Sets how many seconds a worker waits for the others that TF_CONFIG names, with --strategy=multiworker. Raise it if machines "
    "start much later than others.",
    lower_bound=1e-3,
)
flags.DEFINE_bool(
    "force",
    False,
    "Begins a training although it would take more than a month or more disk than is free. Give it if you are sure.",
)


def options() -> RunOptions:
    """Returns the options that the flags hold.

    Raises:
      InputError: one of them is out of its range.
    """
    asked = resume.parse_range(FLAGS.repetition_range, FLAGS.repetitions) if FLAGS.repetition_range else None
    return RunOptions(
        strategy=FLAGS.strategy,
        group_size=FLAGS.group_size,
        repetition_range=(asked.start, asked.stop) if asked else None,
        checkpoint_minutes=FLAGS.checkpoint_minutes,
        validation_points=FLAGS.validation_points,
        worker_timeout=FLAGS.worker_timeout,
        ranker=FLAGS.ranker,
        calibrate=FLAGS.calibrate,
        force=FLAGS.force,
    )
