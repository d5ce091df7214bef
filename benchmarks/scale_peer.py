"""Trains omikuji's Parabel on the same files as a run at scale, and measures its time, and its precisions beside ours.

    python -m benchmarks.scale_peer '{"data": "data", "output": "parabel", "environments": "environments", "points": 10000, "ours": "per_point.npz"}'

`data` is the folder of train.txt and test.txt, `output` the folder of matrices and predictions, and `environments` that of the peers'
environments (benchmarks.peers_environments). Parabel predicts the first `points` test points, one after the other: all of a large data set would
take longer than its training. `ours` holds our metrics of each test point. The JSON object on the last line holds the metrics and the costs of
benchmarks.peers_results; `points`, how many test points these are of; and of the same points `ours`, our precisions, and
`differences`, ours minus Parabel's with paired 95% intervals. A training that is done is not made again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from typing import Any

import numpy as np

from benchmarks import measured_command, peers_arms, peers_data, peers_environments, peers_results
from mach_tf import files
from mach_tf.data import libsvm
from mach_tf.metrics import bootstrap
from mach_tf.metrics.ranking_metrics import PerPoint

_ARM = "parabel"
_METRICS = tuple(f"P@{k}" for k in peers_results.KS)
_MINUTES = 240.0


def main(request: dict[str, Any]) -> None:
    """Does what a request asks for, and prints the result."""
    matrices = os.path.join(request["output"], "data")
    n_points = _write(request["data"], matrices, request["points"])
    output, threads = os.path.join(request["output"], _ARM), os.cpu_count() or 1
    try:
        peers_arms.run(peers_arms.PEERS[_ARM], matrices, output, 0, request["environments"], threads, _MINUTES)
    except (peers_arms.Failed, peers_environments.Unavailable) as error:
        sys.exit(f"Parabel was not measured: {error}.")
    cell = peers_results.read_cell(matrices, _ARM, [output])
    read = bootstrap.read_points(request["ours"])
    ours = {name: PerPoint(read[name].numerator[:n_points], read[name].denominator[:n_points]) for name in _METRICS}
    compared = bootstrap.paired_differences(ours, cell.per_point)
    found = {
        **cell.to_json(),
        "points": n_points,
        "ours": {name: round(metric.percent, 3) for name, metric in ours.items()},
        "differences": {name: dataclasses.asdict(difference) for name, difference in compared.items()},
    }
    print(json.dumps(found))


def _write(data: str, matrices: str, most: int) -> int:
    """Writes the matrices of the training points and of the first test points, unless they are there; returns the number of the latter."""
    with libsvm.TextReader(os.path.join(data, "test.txt")) as reader:
        n_points = min(most, reader.header.points)
    sizes = os.path.join(matrices, peers_data.SIZES_FILE)
    if not os.path.isfile(sizes) or files.read_json(sizes, "sizes of the data")["test_points"] != n_points:
        train, test = (_part(data, name) for name in ("train", "test"))
        # The predictions of other points; the trained model stays.
        for kind in ("json", "npz"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(os.path.dirname(matrices), f"{_ARM}.{kind}"))
        peers_data.write(matrices, peers_data.Data(train, test.take(np.arange(n_points))))
    return n_points


def _part(folder: str, name: str) -> peers_data.Part:
    header, points = libsvm.read_points(os.path.join(folder, f"{name}.txt"))
    return peers_data.Part(points.features(header.features), points.labels(header.labels))


if __name__ == "__main__":
    measured_command.end_by_sigterm()
    main(json.loads(sys.argv[1]))
