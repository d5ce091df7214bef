"""The flags of a training run: where and how it happens. Nothing here changes the weights."""

from __future__ import annotations

from absl import flags

from mach_tf.choices import STRATEGIES
from mach_tf.training import resume
from mach_tf.training.run_options import RunOptions

FLAGS = flags.FLAGS

flags.DEFINE_enum(
    "strategy",
    "mirrored",
    STRATEGIES,
    "Where to train: mirrored uses all visible devices, one_device the first, multiworker those of the processes that TF_CONFIG "
    "names, which share --dataset_dir and --model_dir.",
)
flags.DEFINE_string(
    "group_size",
    "auto",
    "The number of repetitions trained side by side in one step; auto trains as many as the memory holds.",
)
flags.DEFINE_string(
    "repetition_range",
    None,
    "FIRST:END, the repetitions to train here, without END. Give each machine its own range, then copy the repetitions into one "
    "model directory. All are trained by default.",
)
flags.DEFINE_float(
    "checkpoint_minutes",
    10.0,
    "Minutes between two checkpoints, in addition to one after each epoch; 0 for the latter alone.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "validation_points",
    2000,
    "The number of points of the validation split that are measured after each epoch; 0 for none.",
    lower_bound=0,
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
    )
