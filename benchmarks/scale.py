"""Runs everything at the size of a published data set, from the data to an answer of the service, and measures every stage.

    python -m benchmarks.scale --shape=amazon-670k --fraction=0.01

The stages: planted data (benchmarks.scale_data), preprocessing, the plan, training by the plan, evaluation, an attack and explanations of
the first test points, export, and one request to the service; then omikuji's Parabel on the same files. All labels exist at any
--fraction, so that all but the training has its full size from the smallest fraction on.

A stage that is done is not run again; the same command goes on where it was interrupted. Each has a log beside its result in
OUTPUT_DIR/SHAPE-FRACTION/stages. The program prints a Markdown table of the stages and writes it, with the precisions, to scale.md. The last line is a JSON
object; its "ratios" are the precisions over the ceiling of the data, what was measured over what the plan had estimated, and our
costs over Parabel's.
"""

from __future__ import annotations

import json
import os
import sys

from absl import flags

from benchmarks import measured_command, scale_figures, scale_stages
from benchmarks.scale_shapes import SHAPES
from benchmarks.scale_stages import Stage
from mach_tf import files
from mach_tf.metrics import bootstrap
from mach_tf.programs import program

FLAGS = flags.FLAGS

flags.DEFINE_enum("shape", "amazon-670k", list(SHAPES), "The published data set whose size the data have.")
flags.DEFINE_float("fraction", 0.01, "The part of the published points to use.", 1e-9, 1.0)
flags.DEFINE_string("output_dir", "scale", "Writes everything into a folder of its own in this folder.")
flags.DEFINE_string("memory", None, "Memory for the plan, such as 12GB. By default what is free here.")
flags.DEFINE_float("adversarial_weight", 0.0, "The weight of the adversarial loss; 0 trains cleanly.", 0.0)
flags.DEFINE_integer("attacked", 200, "Attacks the first N test points.", 1)
flags.DEFINE_integer("explained", 20, "Explains the first N test points.", 1)
flags.DEFINE_float("epsilon", 0.01, "The size of the attack.", 0.0)
flags.DEFINE_boolean("peer", True, "Trains Parabel too.")
flags.DEFINE_integer(
    "peer_points", 10_000, "Parabel predicts the first N test points, which takes milliseconds for each.", 1
)
flags.DEFINE_string("environments_dir", None, "Keeps Parabel's environment here; by default in --output_dir.")


def main(_: list[str]) -> None:
    measured_command.end_by_sigterm()
    directory = os.path.join(FLAGS.output_dir, f"{FLAGS.shape}-{FLAGS.fraction:g}")
    results = scale_stages.run(stages(directory), os.path.join(directory, "stages"), _report)
    precisions = scale_figures.precisions(directory, FLAGS.peer)
    text = f"{scale_figures.table(results)}\n\n{scale_figures.precision_table(precisions)}"
    if FLAGS.peer:
        text += f"\n\n{scale_figures.differences(directory)}"
    with files.atomic_write(os.path.join(directory, "scale.md")) as file:
        file.write(f"{text}\n".encode())
    print(text)
    ratios = {
        **scale_figures.precision_ratios(precisions),
        **scale_figures.estimate_ratios(directory, results),
        **(scale_figures.peer_ratios(directory, results) if FLAGS.peer else {}),
    }
    measured = {
        name: {key: value for key, value in result.items() if key != "command"} for name, result in results.items()
    }
    shown = {"shape": FLAGS.shape, "fraction": FLAGS.fraction, "stages": measured, "precisions": precisions}
    print(json.dumps({**shown, "ratios": ratios}))


def stages(directory: str) -> list[Stage]:
    """Returns the stages that the flags describe, in their order."""
    data, dataset, plan, model, servables = (
        os.path.join(directory, name) for name in ("data", "dataset", "plan.flags", "model", "servables")
    )
    both = [f"--dataset_dir={dataset}", f"--model_dir={model}"]
    shape = [f"--shape={FLAGS.shape}", f"--fraction={FLAGS.fraction}"]
    texts = [f"--{split}={os.path.join(data, split)}.txt" for split in ("train", "test")]
    memory = [f"--memory={FLAGS.memory}"] if FLAGS.memory else []
    weight = f"--adversarial_weight={FLAGS.adversarial_weight}"
    attack = ["--attack=fgsm", f"--epsilon=0,{FLAGS.epsilon}", f"--limit={FLAGS.attacked}"]
    servable = os.path.join(servables, "scale")
    environments = FLAGS.environments_dir or os.path.join(FLAGS.output_dir, "environments")

    def stage(name: str, module: str, arguments: list[str], output: str, resumes: bool = False) -> Stage:
        return Stage(name, lambda: ["-m", module, *arguments], output, resumes)

    def writes(name: str) -> tuple[list[str], str]:
        return [f"--output_dir={os.path.join(directory, name)}"], os.path.join(directory, name)

    evaluation, evaluated = writes("evaluation")
    robustness, attacked = writes("robustness")
    explanations, explained = writes("explanations")
    found = [
        stage("data", "benchmarks.scale_data", [*shape, f"--output_dir={data}"], data),
        stage("preprocess", "preprocess.to_tfrecord", [*texts, f"--output_dir={dataset}"], dataset),
        stage("plan", "train.plan", [f"--dataset_dir={dataset}", f"--output={plan}", weight, *memory], plan),
        stage("train", "train.main", [f"--flagfile={plan}", *both], model, resumes=True),
        stage("evaluate", "eval.main", [*both, *evaluation], evaluated),
        stage("attack", "eval.robustness", [*both, *attack, *robustness], attacked),
        stage("explain", "explain.main", [*both, f"--points=0-{FLAGS.explained - 1}", *explanations], explained),
        stage("export", "train.export", [f"--model_dir={model}", f"--output_dir={servable}/1"], servables),
        Stage("serve", lambda: ["-m", "serve.ask", f"--servable={servable}", f"--request={_request(data)}"]),
    ]
    if FLAGS.peer:
        peer = os.path.join(directory, "parabel")
        request = {"data": data, "output": peer, "environments": environments, "points": FLAGS.peer_points}
        request["ours"] = os.path.join(evaluated, bootstrap.POINTS_FILE)
        found.append(stage("parabel", "benchmarks.scale_peer", [json.dumps(request)], peer, resumes=True))
    return found


def _request(data: str) -> str:
    return scale_stages.first_point(os.path.join(data, "test.txt"))


def _report(name: str) -> None:
    print(f"stage: {name}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    program.run(main)
