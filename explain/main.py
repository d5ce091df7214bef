"""Explains label scores: which features of a point speak for a label, and which against it.

    python -m explain.main --dataset_dir=data/demo --model_dir=models/demo --input=demo/test.txt --points=0,5,7 \\
        --labels=top:3 --output_dir=explained

Writes explanations.jsonl, a line a label of a point, attributions largest first, and report.html, one page to read them
in. What is explained is the label's score under --estimator, by Integrated Gradients from --baseline; attributions are of
raw features, and add up to score minus baseline score but for the completeness gap, or the program fails.

    python -m explain.main --dataset_dir=data/demo --model_dir=models/demo --labels=all --split=test --output_dir=global

Writes the features that drive each label over all points of a split: global.npz, a sparse matrix [labels, features], and
global.tsv, the first of each label. An interrupted run goes on where it stopped. The text may be in split form:
--input=tst_X_Xf.txt --input_labels=tst_X_Y.txt.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from mach_tf import startup
from mach_tf.choices import ATTRIBUTION_METHODS, QUADRATURE_RULES
from mach_tf.programs import program, shared_flags

if TYPE_CHECKING:
    from mach_tf.data.libsvm import TextInput
    from mach_tf.explanations.explainer import Baseline
    from mach_tf.explanations.reporting.point_explainer import Question
    from mach_tf.explanations.reporting.report import LabelView
    from mach_tf.manifest import DatasetManifest
    from mach_tf.points import Points

FLAGS = flags.FLAGS

# What is read and written
shared_flags.define_dataset_dir()
shared_flags.define_model_dir()
shared_flags.define_output_dir("explanations.jsonl and report.html, or global.npz and global.tsv")
flags.DEFINE_string(
    "input", None, "Points as XML-repository text, labels optional. By default what --split was made from."
)
flags.DEFINE_string("input_labels", None, "Split form: the labels' file of --input, which then has features alone.")
shared_flags.define_split()

# What is explained
flags.DEFINE_string(
    "points",
    "0-9",
    "Points of the input from 0: a list with ranges, 0,5,7 or 0-99; all; or label:NAME:3, the first three with a label.",
)
flags.DEFINE_string(
    "labels", "top:3", "top:N, each point's N best labels; true; ids like 3,14; or all, for the view of a whole split."
)
shared_flags.define_estimator()

# How
flags.DEFINE_enum("method", "exact", ATTRIBUTION_METHODS, "In closed form, or by quadrature with tf.GradientTape.")
flags.DEFINE_integer("steps", 64, "Nodes of the quadrature; --method=exact has none.", lower_bound=1)
flags.DEFINE_enum("rule", "gauss_legendre", QUADRATURE_RULES, "Where the nodes of the tape are.")
flags.DEFINE_string("baseline", "zero", "Where paths begin: zero, mean (of the training points), or point:ID.")

# The report
flags.DEFINE_float(
    "epsilon", None, "Size of the FGSM step shown; the model's own by default, 0 for none.", lower_bound=0
)
flags.DEFINE_integer("features_shown", 12, "Bars a label in report.html; the file has them all.", lower_bound=1)
flags.DEFINE_integer("top_features", 20, "With --labels=all, features a label in global.tsv.", lower_bound=1)

_CHUNK_POINTS = 256
_TABLE_ROWS = 12


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    startup.check_versions()
    # Imported here so that --help does not wait for TensorFlow.
    from mach_tf.ensemble import Ensemble
    from mach_tf.explanations.integrated_gradients.attribution import Attribution
    from mach_tf.explanations.reporting import driver_run, label_drivers, point_explainer, selection, source_text
    from mach_tf.manifest import DatasetManifest, check_same_features

    _check_flags()
    settings = Attribution(FLAGS.estimator, FLAGS.method, FLAGS.steps, FLAGS.rule)
    dataset = DatasetManifest.read(FLAGS.dataset_dir)
    texts = source_text.inputs(dataset, FLAGS.input, FLAGS.input_labels, FLAGS.split)
    ensemble = Ensemble.load(FLAGS.model_dir)
    check_same_features(ensemble.manifest, dataset)
    feature_names = dataset.read_feature_names(FLAGS.dataset_dir)
    label_names = dataset.read_label_names(FLAGS.dataset_dir)
    os.makedirs(FLAGS.output_dir, exist_ok=True)
    print("The first explanations on a machine wait for kernels to be compiled, up to a minute.", file=sys.stderr)
    if FLAGS.labels == "all":
        view = driver_run.GlobalView(ensemble, dataset, settings, FLAGS.output_dir)
        found = label_drivers.Drivers(*view.run(texts), feature_names, label_names)
        found.write(FLAGS.output_dir, FLAGS.top_features)
        view.clear()
        print(found.summary())
        return

    everything = source_text.read(dataset, texts)
    chosen = selection.points_with_label(FLAGS.points, everything, label_names)
    if chosen is None:
        chosen = selection.parse_points(FLAGS.points, len(everything))
    selection.check_labels(FLAGS.labels, ensemble.labels)
    epsilon = ensemble.manifest.training.epsilon if FLAGS.epsilon is None else FLAGS.epsilon
    question = point_explainer.Question(
        ensemble,
        settings,
        FLAGS.labels,
        _baseline(everything, dataset),
        epsilon,
        selection.known_truth(everything),
        feature_names,
        label_names,
    )
    lines, table = _write(question, everything, chosen, texts)
    print(table)
    print(f"{lines} explanations in {os.path.join(FLAGS.output_dir, 'explanations.jsonl')}")
    print(f"to read them, open {os.path.join(FLAGS.output_dir, 'report.html')}")


def _check_flags() -> None:
    """Raises InputError for a flag that would do nothing beside --labels=all, and for an impossible step."""
    from mach_tf.errors import InputError

    if FLAGS.epsilon is not None and not math.isfinite(FLAGS.epsilon):
        raise InputError(f"--epsilon must be a finite number (got {FLAGS.epsilon}).")
    if FLAGS.labels == "all":
        for name in ("points", "baseline", "epsilon", "features_shown"):
            if FLAGS[name].present:
                raise InputError(
                    f"--labels=all goes through all points of a split, from the zero baseline and without a report: --{name} "
                    "means nothing there. Leave it out, or ask for --labels=top:3."
                )


def _baseline(everything: Points, dataset: DatasetManifest) -> Baseline:
    import scipy.sparse

    from mach_tf.explanations.reporting import selection, source_text

    point = selection.parse_baseline(FLAGS.baseline, len(everything))
    if point is not None:
        return everything[point : point + 1]
    if FLAGS.baseline == "mean":
        return scipy.sparse.csr_matrix(source_text.mean_baseline(FLAGS.dataset_dir, dataset)[None])
    return None


def _write(question: Question, everything: Points, chosen: np.ndarray, texts: list[TextInput]) -> tuple[int, str]:
    """Writes both files; returns the number of explanations and a table of the first of them."""
    import tabulate
    import tqdm

    from mach_tf import files
    from mach_tf.explanations.reporting import point_explainer, report

    settings = question.settings
    page = report.Report(question.label_names, settings.estimator, question.epsilon or None, FLAGS.features_shown)
    lines = 0
    rows: list[list[object]] = []
    progress = tqdm.tqdm(total=len(chosen), unit="points", desc="explain")
    with files.atomic_write(os.path.join(FLAGS.output_dir, "explanations.jsonl")) as file:
        for begin in range(0, len(chosen), _CHUNK_POINTS):
            ids = chosen[begin : begin + _CHUNK_POINTS]
            for answer in point_explainer.answer(question, everything[ids], ids):
                for line in answer.json_lines(question.label_names):
                    file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
                    lines += 1
                page.add(*answer)
                rows += [_row(answer.point, view) for view in answer.views[: _TABLE_ROWS - len(rows)]]
            progress.update(len(ids))
    progress.close()
    about = [
        ("Model", FLAGS.model_dir),
        ("Input", ", ".join(path for text in texts for path in text if path)),
        ("Score", f"{settings.estimator} of {len(question.ensemble.bucket_table)} repetitions"),
        ("Method", settings.method if settings.method == "exact" else f"tape, {settings.steps} {settings.rule} steps"),
        ("Baseline", FLAGS.baseline),
        ("FGSM step", f"epsilon {question.epsilon:g}" if question.epsilon else "none"),
    ]
    name = os.path.basename(os.path.normpath(FLAGS.model_dir))
    with files.atomic_write(os.path.join(FLAGS.output_dir, "report.html")) as file:
        file.write(page.html(f"Explanations of {name}", about).encode())
    headers = ["point", "label", "score", "gap", "features that speak most for or against it"]
    return lines, tabulate.tabulate(rows, headers, floatfmt=".3g", disable_numparse=[4])


def _row(point: int, view: LabelView) -> list[object]:
    explanation = view.explanation
    features = ", ".join(f"{f.title} {f.attribution:+.2f}" for f in explanation.attributions[:4])
    return [point, explanation.title, explanation.score, explanation.completeness_gap, features]


if __name__ == "__main__":
    program.run(main)
