"""Times attacks on a model: points per second of each, and the cost of its gradient beside that of a prediction.

    python -m benchmarks.attacks --dataset_dir=data/eurlex57k --model_dir=models/eurlex57k
    python -m benchmarks.attacks --labels=670091 --buckets=2000 --repetitions=16

With --model_dir, the attacks are made on the first test points of --dataset_dir; without it, on random points and a network with random weights. Each
attack has its default settings: PGD takes ten steps, and strongest is made of four attacks. A gradient is that of all points together with the forward pass that it needs; a prediction decodes
five labels. Both are repeated --runs times in turn, and the fastest counts.

Prints a table, then a JSON object on the last line; "ratios" holds the time of each gradient over that of a prediction (the target is 2).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from typing import TYPE_CHECKING, Any, Callable

import numpy as np
import scipy.sparse
from absl import flags

from mach_tf import startup
from mach_tf.choices import SUPPORTS
from mach_tf.programs import program

if TYPE_CHECKING:
    from mach_tf.network import Network
    from mach_tf.points import Points

FLAGS = flags.FLAGS

# A trained model
flags.DEFINE_string("dataset_dir", None, "Takes the points from this dataset directory.")
flags.DEFINE_string("model_dir", None, "Attacks this model. By default a random network is made.")

# A random network
flags.DEFINE_integer("features", 20_000, "D, the width of the input of the random network.", lower_bound=1)
flags.DEFINE_integer("labels", 4_000, "K, the number of labels of the random network.", lower_bound=10)
flags.DEFINE_integer("hidden_units", 512, "The number of hidden units of each repetition.", lower_bound=1)
flags.DEFINE_integer("buckets", 1000, "B, the number of buckets per repetition.", lower_bound=2)
flags.DEFINE_integer("repetitions", 8, "R, the number of repetitions.", lower_bound=1)
flags.DEFINE_integer("point_features", 100, "The number of features present in a random point.", lower_bound=1)

# The measurement
flags.DEFINE_list(
    "attack", ["fgsm", "pgd", "apgd", "square", "strongest"], "Times these attacks, each with its default settings."
)
flags.DEFINE_float("epsilon", 0.02, "The size of the attacks.", lower_bound=0)
flags.DEFINE_enum("support", "nonzero", SUPPORTS, "Lets attacks change present features (nonzero) or all (dense).")
flags.DEFINE_integer("points", 256, "The number of points that are attacked.", lower_bound=1)
flags.DEFINE_integer("runs", 5, "Repeats a prediction and the gradients this many times.", lower_bound=1)
flags.DEFINE_string("output_dir", None, "Writes attacks.json into this directory; none by default.")


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    import tabulate

    from mach_tf import files

    with tempfile.TemporaryDirectory() as directory:
        network, points = _task(directory)
        found: dict[str, Any] = {"points": len(points), "labels": network.labels, "cores": os.cpu_count()}
        found["milliseconds"] = _fastest(_steps(network, points), len(points))
        found["points_per_second"] = {name: _points_per_second(network, points, name) for name in FLAGS.attack}
    prediction = found["milliseconds"]["prediction"]
    found["ratios"] = {
        f"{name}/prediction": value / prediction
        for name, value in found["milliseconds"].items()
        if name != "prediction"
    }
    rows = [[name, f"{value:.3f}", f"{value / prediction:.2f}"] for name, value in found["milliseconds"].items()]
    print(tabulate.tabulate(rows, ["", "ms per point", "in predictions"], disable_numparse=True), end="\n\n")
    rows = [[name, f"{value:.1f}"] for name, value in found["points_per_second"].items()]
    print(tabulate.tabulate(rows, ["attack", "points per second"], disable_numparse=True))
    if FLAGS.output_dir:
        os.makedirs(FLAGS.output_dir, exist_ok=True)
        files.write_json(os.path.join(FLAGS.output_dir, "attacks.json"), found)
    print(json.dumps(found))


def _task(directory: str) -> tuple[Network, Points]:
    from benchmarks import random_model
    from mach_tf import points
    from mach_tf.data.dataset_reader import DatasetReader
    from mach_tf.network import Network

    if FLAGS.model_dir:
        network = Network.load(FLAGS.model_dir)
        return network, DatasetReader.open(FLAGS.dataset_dir).read_points("test", FLAGS.points)
    sizes = FLAGS.features, FLAGS.labels, FLAGS.hidden_units, FLAGS.buckets, FLAGS.repetitions
    random_model.write(directory, *sizes)
    rng = np.random.default_rng(0)
    shape = (FLAGS.points, FLAGS.features)
    features = scipy.sparse.random(*shape, min(1.0, FLAGS.point_features / FLAGS.features), "csr", np.float32, rng)
    labels = scipy.sparse.random(FLAGS.points, FLAGS.labels, min(1.0, 5 / FLAGS.labels), "csr", np.float32, rng)
    network = Network.load(directory, keep=True)
    return network, network.manifest.feature_spec.apply(points.from_csr(features, labels))


def _steps(network: Network, points: Points) -> dict[str, Callable[[], Any]]:
    """Returns a prediction, and the gradient of each objective."""
    from mach_tf.attacks.input_gradient import attack_input
    from mach_tf.attacks.objectives import Objective

    features = points.features(network.manifest.columns)
    inputs = attack_input(points, network.manifest.columns, FLAGS.support)
    steps: dict[str, Callable[[], Any]] = {"prediction": lambda: network.decode(features, 5)}
    for name in ("loss", "margin", "precision"):
        objective = Objective(name, network, network.decoder, inputs, "logit_mean", 5)
        steps[f"gradient of the {name}"] = lambda objective=objective: objective.evaluate(inputs.clean)  # type: ignore[misc]
    return steps


def _fastest(steps: dict[str, Callable[[], Any]], points: int) -> dict[str, float]:
    """Returns the milliseconds per point of each step."""
    seconds = dict.fromkeys(steps, float("inf"))
    for run in range(1 + FLAGS.runs):
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            if run:  # the first compiles
                seconds[name] = min(seconds[name], time.perf_counter() - begin)
    return {name: 1000 * value / points for name, value in seconds.items()}


def _points_per_second(network: Network, points: Points, name: str) -> float:
    from mach_tf.attacks.attack_run import AttackRun
    from mach_tf.attacks.gradient_attacks import Attack

    attack = Attack.named(name, support=FLAGS.support)
    begin = time.perf_counter()
    AttackRun(network, attack, 5, ks=(1, 3, 5)).outcomes(points, [FLAGS.epsilon])
    return len(points) / (time.perf_counter() - begin)


if __name__ == "__main__":
    program.run(main)
