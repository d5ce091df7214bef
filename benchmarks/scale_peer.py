"""Trains omikuji's Parabel on the same files as a run at scale, and measures its time and precisions.

    python -m benchmarks.scale_peer '{"data": "scale/amazon-670k-0.01/data", "output": "parabel", "environments": "environments"}'

`data` is the folder of train.txt and test.txt, `output` the folder of matrices and predictions, and `environments` that of the peers'
environments (benchmarks.peers_environments). The JSON object on the last line holds the metrics and the costs of benchmarks.peers_results.
"""

from __future__ import annotations

import json
import os
import sys

from benchmarks import peers_arms, peers_data, peers_environments, peers_results
from mach_tf.data import libsvm

_ARM = "parabel"
_MINUTES = 240.0


def main(request: dict[str, str]) -> None:
    """Does what a request asks for, and prints the result."""
    matrices = os.path.join(request["output"], "data")
    if not os.path.isfile(os.path.join(matrices, peers_data.SIZES_FILE)):
        peers_data.write(matrices, peers_data.Data(*(_part(request["data"], name) for name in ("train", "test"))))
    output, threads = os.path.join(request["output"], _ARM), os.cpu_count() or 1
    try:
        peers_arms.run(peers_arms.PEERS[_ARM], matrices, output, 0, request["environments"], threads, _MINUTES)
    except (peers_arms.Failed, peers_environments.Unavailable) as error:
        sys.exit(f"Parabel was not measured: {error}.")
    print(json.dumps(peers_results.read_cell(matrices, _ARM, [output]).to_json()))


def _part(folder: str, name: str) -> peers_data.Part:
    header, points = libsvm.read_points(os.path.join(folder, f"{name}.txt"))
    return peers_data.Part(points.features(header.features), points.labels(header.labels))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
