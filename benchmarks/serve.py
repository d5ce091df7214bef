"""Loads the service from a second process, over the loopback interface.

    python -m benchmarks.serve --model_dir=models/eurlex57k --dataset_dir=data/eurlex57k

Two servables are served one after the other: that of --model_dir, if it is given, and a synthetic one with --labels labels, random weights
and random points. A request holds one point (or one text, with --texts). Each client sends its next request when its last one is answered.
`predict` and `explain` are measured with each number of clients; `unbatched` is `predict` with --batch_points=1. Beside them, in process,
one point per call: the servable itself, R SavedModels with NumPy (`naive`), and with --dataset_dir napkinXC and omikuji, trained on it.

The JSON object on the last line holds, for each servable and measurement, the requests per second, p50, p95 and p99 in milliseconds, the
errors, and the processors that the client and the service took; and the milliseconds per point of what runs in process. "ratios" holds
batched over unbatched requests per second (the target is 3), and for --model_dir with 8 clients the requests per second over 400 and 100 ms
over p99 (the targets are 1). With --workers the service is measured again with several processes, and the memory of both is given.
"""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
import tempfile
import time
from typing import Any, Optional

import scipy.sparse
from absl import flags
from tabulate import tabulate

from benchmarks import load_client, random_model, served_points, single_points
from benchmarks.measured_process import check_arms, measure
from benchmarks.served import Served, serving
from mach_tf import startup
from mach_tf.programs import program

FLAGS = flags.FLAGS

# The servables
flags.DEFINE_string("model_dir", None, "Serves this model too; none by default.")
flags.DEFINE_string(
    "dataset_dir", None, "Takes points from this dataset, which was not hashed, and trains the peers on it."
)
flags.DEFINE_string("texts", None, "Takes texts from this TSV corpus of Annif instead of points.")
flags.DEFINE_integer(
    "labels", 670_091, "The number of labels of the synthetic servable; 0 leaves it out.", lower_bound=0
)
flags.DEFINE_integer("columns", 50_000, "The number of features of the synthetic servable.", lower_bound=1)
flags.DEFINE_integer("hidden_units", 512, "The number of hidden units of the synthetic servable.", lower_bound=1)
flags.DEFINE_integer("buckets", 2000, "The number of buckets of the synthetic servable.", lower_bound=2)
flags.DEFINE_integer("repetitions", 16, "The number of repetitions of the synthetic servable.", lower_bound=1)
flags.DEFINE_integer("entries", 76, "The number of features of each random point.", lower_bound=1)

# The load
flags.DEFINE_list("clients", ["1", "8", "64"], "Loads the service with these numbers of clients.")
flags.DEFINE_float("seconds", 5, "Measures each load this long, in seconds.", lower_bound=0.1)
flags.DEFINE_integer("k", 5, "Asks for this many labels.", lower_bound=1)
flags.DEFINE_integer("workers", 1, "Measures the service with this many processes too, if more than 1.", lower_bound=1)

# In process
flags.DEFINE_list("arms", list(single_points.ARMS), "Runs these in process: servable, naive, napkinxc, omikuji.")
flags.DEFINE_integer("calls", 200, "Predicts this many points in process.", lower_bound=1)

_TARGET_PER_SECOND, _TARGET_P99, _TARGET_CLIENTS = 400, 100, 8
_UNBATCHED = "unbatched"


def main(_: list[str]) -> None:
    """Runs the program."""
    startup.prepare()
    check_arms(FLAGS.arms, single_points.ARMS)
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        if FLAGS.model_dir:
            name = os.path.basename(os.path.abspath(FLAGS.model_dir))
            results[name] = _measured(name, FLAGS.model_dir, directory, FLAGS.dataset_dir, FLAGS.texts)
        if FLAGS.labels:
            model_dir, name = os.path.join(directory, "model"), f"K={FLAGS.labels}"
            sizes = (FLAGS.columns, FLAGS.labels, FLAGS.hidden_units, FLAGS.buckets, FLAGS.repetitions)
            random_model.write(model_dir, *sizes)
            results[name] = _measured(name, model_dir, directory, None, None)
    _print(results)
    print(json.dumps({"cores": os.cpu_count() or 1, "servables": results, "ratios": ratios(results)}))


def ratios(results: dict[str, Any]) -> dict[str, float]:
    """Returns the ratios that the targets are about.

    Args:
      results: by servable, its "loads" by measurement and number of clients.
    """
    found = {}
    for name, result in results.items():
        loads = result["loads"]
        (clients, unbatched), *_ = loads[_UNBATCHED].items()
        batched = loads["predict"][clients]["requests_per_second"]
        found[f"{name}: batched/unbatched, {clients} clients"] = round(batched / unbatched["requests_per_second"], 2)
        target = loads["predict"].get(str(_TARGET_CLIENTS))
        if target:
            found[f"{name}: requests per second/{_TARGET_PER_SECOND}"] = round(
                target["requests_per_second"] / _TARGET_PER_SECOND, 2
            )
            found[f"{name}: {_TARGET_P99} ms/p99"] = round(_TARGET_P99 / target["p99_ms"], 2)
    return found


def _measured(
    name: str, model_dir: str, directory: str, dataset: Optional[str], texts: Optional[str]
) -> dict[str, Any]:
    """Exports and measures one model."""
    version = os.path.join(directory, "servables", name, "1")
    features = _in_new_process(_export, model_dir, version)
    if dataset:
        points = served_points.dataset_points(dataset)
    else:
        points = served_points.random_points(features, min(FLAGS.entries, features), 0)
    bodies = served_points.bodies(points, texts, FLAGS.k)
    requests = {path: [load_client.request(f"/{path}", body) for body in bodies] for path in ("predict", "explain")}
    loads: dict[str, dict[str, Any]] = {}
    folder = os.path.dirname(version)
    result: dict[str, Any] = {"loads": loads}
    with serving(folder) as served:
        for path, own in requests.items():
            loads[path] = {clients: _load(served, own, int(clients)) for clients in FLAGS.clients}
            result.setdefault("memory", served.memory_mb())  # after the requests that several workers get too
    with serving(folder, ["--batch_points=1"]) as served:
        most = max(FLAGS.clients, key=int)
        loads[_UNBATCHED] = {most: _load(served, requests["predict"], int(most))}
    if FLAGS.workers > 1:
        with serving(folder, [f"--workers={FLAGS.workers}"]) as served:
            loads[f"{FLAGS.workers} workers"] = {
                clients: _load(served, requests["predict"], int(clients)) for clients in FLAGS.clients
            }
            result[f"memory, {FLAGS.workers} workers"] = served.memory_mb()
    result["in_process"] = _in_process(model_dir, version, dataset, points[: FLAGS.calls])
    return result


def _load(served: Served, requests: list[bytes], clients: int) -> dict[str, Any]:
    begin, begin_cpu = time.perf_counter(), served.seconds()
    found = _in_new_process(load_client.load, served.port, requests, clients, FLAGS.seconds)
    found["service_processors"] = round((served.seconds() - begin_cpu) / (time.perf_counter() - begin), 2)
    return found


def _in_process(
    model_dir: str, version: str, dataset: Optional[str], points: scipy.sparse.csr_matrix
) -> dict[str, Optional[float]]:
    """Returns the milliseconds per point of the arms."""
    sources = {"servable": version, "naive": model_dir}
    found: dict[str, Optional[float]] = {}
    for arm in FLAGS.arms:
        source = sources.get(arm, dataset)
        if source is None:
            continue
        if reason := single_points.missing(arm):
            print(reason)
            continue
        measured = measure(single_points.prepare, arm, source, points, FLAGS.k)
        found[arm] = round(1000 * measured["seconds"] / points.shape[0], 3)
    return found


def _in_new_process(function: Any, *arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()


def _export(model_dir: str, version: str) -> int:
    """Writes a servable, and returns the number of its features."""
    from mach_tf.ensemble import Ensemble
    from mach_tf.serving.exporting import export

    model = Ensemble.load(model_dir)
    export(model, version)
    return model.manifest.features


def _print(results: dict[str, Any]) -> None:
    columns = ("requests_per_second", "p50_ms", "p95_ms", "p99_ms", "errors", "client_processors", "service_processors")
    rows = [
        [name, load, clients, *(found[column] for column in columns)]
        for name, result in results.items()
        for load, by_clients in result["loads"].items()
        for clients, found in by_clients.items()
    ]
    print(tabulate(rows, ["servable", "load", "clients", *columns]))
    for name, result in results.items():
        for arm, milliseconds in result["in_process"].items():
            print(f"{name}: {arm} in process, one point per call: {milliseconds} ms")


if __name__ == "__main__":
    program.run(main)
