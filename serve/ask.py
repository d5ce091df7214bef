"""Starts the service for one request, prints the answer, and stops the service: a trial of a servable.

    python -m serve.ask --servable=servables/demo --request='{"texts": ["read a csv file with numpy"], "k": 2}'

It asks over HTTP, on a free port of this machine, as any client would ask mach-serve.
"""

from __future__ import annotations

import json
import sys

from absl import flags

from mach_tf.programs import program
from mach_tf.programs.flag_errors import flag_errors
from mach_tf.serving.service.one_request import ask

FLAGS = flags.FLAGS

flags.DEFINE_string("servable", None, "Serves the versions in this folder, which mach-export wrote.", required=True)
flags.DEFINE_string("request", None, "Sends this JSON.", required=True)
flags.DEFINE_string("path", "/predict", "Sends it to this path: /predict, /explain or /attack.")


def main(_: list[str]) -> None:
    command = [sys.executable, "-m", "serve.main", f"--servable={FLAGS.servable}", "--port=0", "--reload_seconds=0"]
    with flag_errors():
        answer = ask(command, FLAGS.path, FLAGS.request)
    print(f"POST {FLAGS.path} {FLAGS.request}")
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def run() -> None:
    """Runs the program."""
    program.run(main)


if __name__ == "__main__":
    run()
