"""Recommends buckets, repetitions and training settings, from estimates of memory, collisions and time; trains nothing.

  mach-plan --dataset_dir=data/bibtex --output=bibtex.flags
  mach-plan --labels=670091 --features=135909 --points=490449 --memory=24GB --hidden_units=4096

prints one line per combination of buckets and repetitions:

- B, R: buckets and repetitions; parameters: those of all repetitions.
- training: memory to train one repetition at a time (mach-train's estimate); at once: how many fit in memory side by side.
- serving: memory with all repetitions loaded.
- pair: probability that two given labels share a bucket in every repetition, (1/B)^R; any pair: bound on the probability
  that any two labels do, K^2 (1/B)^R (Medini et al. 2019, theorem 2).
- confusable: expected number of wrong labels per point that share a bucket with one of its own in at least half of the
  repetitions; even perfect classifiers rank those high.
- step: milliseconds per step of one repetition; hours: from the start of the training to its end, for all repetitions and the
  ranker if the plan has one. Both follow from the machine's rates in matrix products and copies, measured here (or --gflops and --bandwidth for
  another machine). For the clean and FGSM trainings measured on idle processors the estimate is within a factor of 1.5.

Recommends the fastest plan that fits. A plan fits if training and serving fit in the memory, training takes at most --hours,
both failure figures are at most --delta, and R B is at most the number of labels (or 16,384), beyond which one classifier
with an output per label would be smaller. With more buckets each of them learns from fewer points; more repetitions gain a
little accuracy, at their cost. Rules of thumb choose the length of the training, dropout and the optimizer's settings by the
size of the data; --output writes all of it as a flagfile for mach-train. Training is adversarial unless
--adversarial_weight=0 is given.
"""

from __future__ import annotations

from absl import flags

from mach_tf.errors import InputError
from mach_tf.programs import program
from mach_tf.programs.flag_errors import flag_errors
from mach_tf.sizing import flagfile, machine, recommendation
from train import problem_flags, training_flags

FLAGS = flags.FLAGS
_TRAINING = ("hidden_units", "batch_size", "epochs", "adversarial", "adversarial_weight", "fgsm_support", "optimizer")

# The data: a dataset directory, or its numbers before there is one
flags.adopt_module_key_flags(problem_flags)

# Training, as given to mach-train; what is given here is not left to the rules.
flags.DEFINE_list("buckets", [], "Compares these numbers of buckets. By default they suit the labels.")
flags.DEFINE_list("repetitions", [], "Compares these numbers of repetitions. By default 4, 8, 16 and 32.")
training_flags.define("hidden_units", "adversarial", "adversarial_weight", "fgsm_support", "optimizer")
training_flags.define_by_rule("batch_size", "epochs")

# The machine
flags.DEFINE_string(
    "memory",
    None,
    "Sets the memory for training and for serving, such as 24GB or 512MB. By default it is what is free here. If not all repetitions fit in it "
    "side by side, the plan's --group_size keeps the training within it.",
)
flags.DEFINE_float(
    "gflops",
    None,
    "Sets the machine's rate in float32 matrix products, in billion operations per second. By default it is measured.",
    lower_bound=1e-3,
)
flags.DEFINE_float("bandwidth", None, "Sets the memory bandwidth in GB/s. By default it is measured.", lower_bound=1e-3)

# What is wanted
flags.DEFINE_string("output", None, "Writes the recommended plan to this new file, a flagfile for mach-train.")
flags.DEFINE_float("hours", 24.0, "Accepts trainings of at most this many hours for all repetitions.", lower_bound=0)
flags.DEFINE_float(
    "delta",
    recommendation.DEFAULT_DELTA,
    "Accepts at most this probability of failure: that labels cannot be told apart.",
    lower_bound=1e-12,
    upper_bound=1,
)


def main(_: list[str]) -> None:
    with flag_errors():
        problem = problem_flags.problem()
        if FLAGS.output:
            flagfile.check_new(FLAGS.output)  # before the machine is measured
        found = recommendation.recommend(
            problem,
            _machine(),
            training_flags.given(*_TRAINING),
            _numbers("buckets", 2),
            _numbers("repetitions", 1),
            FLAGS.delta,
            FLAGS.hours * 3600,
        )
        print(found)
        if FLAGS.output:
            found.write(FLAGS.output)
            print(
                f"To train with this plan: mach-train --flagfile={FLAGS.output} "
                f"--dataset_dir={FLAGS.dataset_dir or 'DATASET_DIR'} --model_dir=MODEL_DIR"
            )


def _machine() -> machine.Machine:
    return machine.measured(
        machine.parse_bytes(FLAGS.memory) if FLAGS.memory else None,
        FLAGS.gflops and FLAGS.gflops * 1e9,
        FLAGS.bandwidth and FLAGS.bandwidth * 1e9,
    )


def _numbers(flag: str, least: int) -> list[int]:
    values = getattr(FLAGS, flag)
    if not all(value.isdecimal() and int(value) >= least for value in values):
        raise InputError(f"--{flag} must be numbers of at least {least}, separated by commas (got {','.join(values)}).")
    return [int(value) for value in values]


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
