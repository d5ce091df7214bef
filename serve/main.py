"""Serves a servable over HTTP: labels of texts or points, and the reasons for them.

    mach-serve --servable=servables/demo

--servable is a folder of numbered versions that mach-export wrote. The newest is served; a newer one takes its place without losing a
request, and one that is damaged is refused.

    curl -d '{"texts": ["read a csv file with numpy"], "k": 3}' http://127.0.0.1:8501/predict

GET / is a page to try texts on; /openapi.json describes the rest. The interface of TensorFlow Serving works as well:
POST /v1/models/demo:predict.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import Any, Callable, Optional

from absl import flags

from mach_tf import startup
from mach_tf.errors import InputError
from mach_tf.programs import program
from mach_tf.programs.flag_errors import flag_errors

FLAGS = flags.FLAGS

# What, and where
flags.DEFINE_string("servable", None, "Serves the versions in this folder, which mach-export wrote.", required=True)
flags.DEFINE_string(
    "host", "127.0.0.1", "Listens on this address. 0.0.0.0 lets other machines in: then set --token_file."
)
flags.DEFINE_integer("port", 8501, "Listens on this port; 0 takes a free one.", lower_bound=0, upper_bound=65535)
flags.DEFINE_string(
    "token_file", None, "Answers only requests with the token in this file, as Authorization: Bearer TOKEN."
)
flags.DEFINE_float(
    "reload_seconds", 5.0, "Looks for a newer version this often, in seconds; 0 never does.", lower_bound=0
)
flags.DEFINE_float(
    "load_timeout", 600.0, "Refuses a version that is not loaded within this many seconds.", lower_bound=1
)
flags.DEFINE_boolean(
    "attacks",
    True,
    "Answers /attack and the signatures of attacks; --noattacks refuses them, so that nobody learns how to mislead the model.",
)
flags.DEFINE_integer(
    "workers",
    1,
    "Serves in this many processes, which share one copy of the weights in files in the folder of temporary files.",
    lower_bound=1,
)

# Batches
flags.DEFINE_integer("batch_points", 64, "Answers at most this many points per call of the model.", lower_bound=1)
flags.DEFINE_float(
    "batch_delay",
    0.0,
    "Lets a request wait this many seconds for others. Requests gather in any case while a call runs.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "queue_points", 1024, "Refuses requests, with status 503, while this many points wait.", lower_bound=1
)
flags.DEFINE_float("timeout", 10.0, "Gives a request up after this many seconds, with status 504.", lower_bound=0.001)

# Limits of a request
flags.DEFINE_integer(
    "max_explained",
    640,
    "Explains at most this many pairs of a point and a label per request, and per call of the model: their memory is planned.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "max_attributions",
    2_000_000,
    "Explains at most this many pairs of a feature and a label per request, and per call of the model: their time is planned. "
    "A text counts as one feature for every two characters.",
    lower_bound=1,
)
flags.DEFINE_integer("max_points", 64, "Takes at most this many texts or points per request.", lower_bound=1)
flags.DEFINE_integer("max_text_length", 100_000, "Takes texts of at most this many characters.", lower_bound=1)
flags.DEFINE_integer("max_k", 100, "Returns at most this many labels per point.", lower_bound=1)
flags.DEFINE_integer(
    "max_connections", 512, "Refuses further connections, with status 503, while this many are open.", lower_bound=1
)
flags.DEFINE_integer("max_body_bytes", 4 << 20, "Takes bodies of at most this many bytes.", lower_bound=1)


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    try:
        from mach_tf.serving.service import server  # noqa: F401 (whether it can be imported)
    except ImportError as error:
        raise InputError(f"The service needs more packages ({error}): pip install 'mach-tf[serve]'") from None
    from mach_tf.serving.service import listening, workers
    from mach_tf.serving.service.token_file import read_token

    # In place of absl's handler, which gives no times.
    place = "" if FLAGS.workers == 1 else "%(processName)s: "
    logging.basicConfig(format=f"%(asctime)s %(levelname)s {place}%(message)s", level=logging.WARNING, force=True)
    logging.getLogger("mach_tf.service").setLevel(logging.INFO)
    announce = functools.partial(print, flush=True)
    with flag_errors():
        token = None if FLAGS.token_file is None else read_token(FLAGS.token_file)
        # Before the model is loaded, which may take long; and so that --port=0 can say which port was free.
        socket = listening.listen(FLAGS.host, FLAGS.port)
        with socket:
            if FLAGS.workers == 1:
                _serve(socket, token, None, announce)
            else:
                workers.run(functools.partial(_serve, socket, token), FLAGS.workers, FLAGS.timeout + 5, announce)


def _serve(socket: Any, token: Optional[str], cache: Optional[str], announce: Callable[[str], None]) -> None:
    """Serves in this process; weights are shared by the processes with the same cache."""
    from mach_tf.serving.service import listening, server
    from mach_tf.serving.service.app import Service, ServiceConfig
    from mach_tf.serving.service.batcher import BatchLimits
    from mach_tf.serving.service.own_requests import RequestLimits
    from mach_tf.serving.service.version_process import VersionProcess
    from mach_tf.serving.service.versions import Versions

    explained = (FLAGS.max_explained, FLAGS.max_attributions)
    batches = BatchLimits(FLAGS.batch_points, FLAGS.batch_delay, FLAGS.queue_points, FLAGS.timeout, *explained)
    limits = RequestLimits(FLAGS.max_points, FLAGS.max_text_length, FLAGS.max_k, FLAGS.max_body_bytes, *explained)
    config = ServiceConfig(batches, limits, FLAGS.reload_seconds, token, FLAGS.attacks)
    load = functools.partial(
        VersionProcess, cache=cache, attacks=FLAGS.attacks, timeout=FLAGS.timeout, load_timeout=FLAGS.load_timeout
    )
    versions = Versions(FLAGS.servable, load)
    with contextlib.closing(versions):  # also after a second Ctrl-C
        announce(f"Version {versions.current.version} of {versions.name} is served at {listening.url(socket)}")
        server.run(Service(versions, config).app(), socket, FLAGS.timeout, FLAGS.max_connections)


def run() -> None:
    """Runs the program; the console script calls this."""
    program.run(main)


if __name__ == "__main__":
    run()
