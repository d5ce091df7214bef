"""One copy of a servable's weights for several processes: they map the same files, and TensorFlow reads the mapped pages.

The operation ImmutableConst makes a tensor of a mapped file, and an assignment to a variable keeps the tensor's buffer. So a process loads
the graph without its weights and assigns it such tensors. The first process writes the files; the kernel keeps their pages once, whatever
the number of processes. They are mapped for reading alone: a process that wrote to its weights would be ended.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import Any

import numpy as np
import tensorflow as tf

from mach_tf import locks
from mach_tf.errors import InputError
from mach_tf.serving.contents import FILE

_LOCK = "weights.lock"
# Seconds that a process waits for the one that writes the files.
_PATIENCE = 600.0
# What TensorFlow adds to the path of a variable in a checkpoint.
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
# Smaller variables, and texts, are copied; so does ImmutableConst with a file below some MiB.
_SMALLEST_BYTES = 8 << 20


def load(directory: str, cache: str) -> Any:
    """Loads the SavedModel of a servable, with weights that other processes share.

    Args:
      directory: the directory of the version.
      cache: a directory of these processes alone, where the files of weights lie.

    Raises:
      InputError: the cache has no room for the files.
    """
    checkpoint = tf.train.load_checkpoint(os.path.join(directory, "variables", "variables"))
    shapes, types = checkpoint.get_variable_to_shape_map(), checkpoint.get_variable_to_dtype_map()
    names = sorted(name for name in shapes if name.endswith(_VALUE))
    shared = {
        name: place
        for place, name in enumerate(names)
        if types[name] != tf.string and types[name].size * np.prod(shapes[name], dtype=np.int64) >= _SMALLEST_BYTES
    }
    try:
        mapped = _mapped(directory, cache, checkpoint, shared)
    except OSError as error:
        raise InputError(
            f"{cache} must have room for the weights, which processes share ({error.strerror}). Make room, or choose another folder "
            "by the environment variable TMPDIR."
        ) from None
    model = tf.saved_model.load(directory, options=tf.saved_model.LoadOptions(experimental_skip_checkpoint=True))
    for name in names:
        value = mapped[name] if name in mapped else checkpoint.get_tensor(name)
        _variable(model, name[: -len(_VALUE)]).assign(value)
    return model


def _mapped(directory: str, cache: str, checkpoint: Any, shared: dict[str, int]) -> dict[str, tf.Tensor]:
    """Returns shared weights by name, mapped from their files; writes these first if no process has done so.

    Files of other versions are removed. So the files are mapped before another process, which may load another version, has the lock.
    """
    shapes, types = checkpoint.get_variable_to_shape_map(), checkpoint.get_variable_to_dtype_map()
    with open(os.path.join(directory, FILE), "rb") as file:
        folder = os.path.join(cache, hashlib.sha256(file.read()).hexdigest())
    with locks.exclusive(os.path.join(cache, _LOCK), _PATIENCE):
        if not os.path.exists(folder):
            for other in os.scandir(cache):
                if other.is_dir():
                    shutil.rmtree(other.path)  # a process that maps them keeps their pages
            unfinished = folder + ".unfinished"
            os.mkdir(unfinished)
            try:
                for name, place in shared.items():
                    with open(os.path.join(unfinished, str(place)), "wb") as file:
                        file.write(np.ascontiguousarray(checkpoint.get_tensor(name)).data)
                os.rename(unfinished, folder)
            except BaseException:
                shutil.rmtree(unfinished)
                raise
        return {
            name: tf.raw_ops.ImmutableConst(
                dtype=types[name], shape=shapes[name], memory_region_name=os.path.join(folder, str(place))
            )
            for name, place in shared.items()
        }


def _variable(model: Any, path: str) -> Any:
    """Returns the variable at a path such as "weights/0/hidden_bias"."""
    found = model
    for part in path.split("/"):
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    return found
