"""Runs arms on data sets in shapes, each once: what an earlier run finished is kept."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Optional

from benchmarks import peers_arms, peers_data, peers_environments, peers_results, peers_shapes
from benchmarks.peers_arms import Arm
from benchmarks.peers_results import Cell


@dataclasses.dataclass
class Runner:
    """Where data and results are, and how arms are run.

    Attributes:
      data_dir: holds the data sets.
      output_dir: holds SET/SHAPE/SPLIT/ARM-SEED.json and .npz, the results, and SET/SHAPE/SPLIT/data.
      environments_dir: holds the environments of other packages.
      split: the split to measure on, "test" or "valid".
      threads: the number of threads of other packages.
      minutes: how long training and predicting may take, each.
      run: whether to run what is missing.
      missing: a sentence on everything that could not be run, or was not.
    """

    data_dir: str
    output_dir: str
    environments_dir: str
    split: str
    threads: int
    minutes: float
    run: bool = True
    missing: list[str] = dataclasses.field(default_factory=list)

    def prepare(self, name: str, shape: str) -> str:
        """Returns the folder of a data set's files in a shape, which are written if they are missing."""
        folder = os.path.join(self.output_dir, name, shape, self.split, "data")
        if not os.path.isfile(os.path.join(folder, peers_data.SIZES_FILE)):
            whole = peers_data.read(os.path.join(self.data_dir, name), self.split)
            peers_data.write(folder, peers_shapes.make(shape, whole))
        return folder

    def cell(self, arm: Arm, data: str, seeds: int) -> Optional[Cell]:
        """Runs an arm and scores it; None if no run of it ended well.

        Args:
          arm: the arm.
          data: a folder that `prepare` returned.
          seeds: the number of runs, for arms that have seeds; the others run once.
        """
        directory = os.path.dirname(data)
        where = f"{os.path.relpath(directory, self.output_dir)}: {arm.name}"
        outputs = [os.path.join(directory, f"{arm.name}-{seed}") for seed in range(seeds if arm.ours else 1)]
        for seed, output in enumerate(outputs if self.run else []):
            print(f"{where}, seed {seed}", file=sys.stderr)
            try:
                peers_arms.run(arm, data, output, seed, self.environments_dir, self.threads, self.minutes)
            except (peers_environments.Unavailable, peers_arms.Failed) as error:
                self.missing.append(f"{where}: {error}.")
                print(self.missing[-1], file=sys.stderr)
        done = [output for output in outputs if os.path.isfile(f"{output}.json")]
        if len(done) < len(outputs):
            self.missing.append(f"{where} has {len(done)} of {len(outputs)} runs.")
        return peers_results.read_cell(data, arm.name, done) if done else None
