"""Converts text files of the Extreme Classification Repository: in this process, or by a runner of Apache Beam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from mach_tf import kernels
from mach_tf.data import conversion
from mach_tf.data.conversion_bar import conversion_bar
from mach_tf.data.converted import Converted
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError


def convert(
    inputs: Mapping[str, Sequence[TextInput]],
    output_dir: str,
    options: conversion.Options,
    runner: Optional[str] = None,
    runner_flags: Sequence[str] = (),
    progress: bool = True,
) -> Converted:
    """Converts text files to a dataset.

    Args:
      inputs, output_dir, options: as of `conversion.convert`.
      runner: the Apache Beam runner that does the work; None does it here.
      runner_flags: the runner's own options.
      progress: whether to show a progress bar.

    Raises:
      InputError: as of `conversion.convert`, or Apache Beam is not installed.
    """
    if runner is None:
        with kernels.announced(progress):
            conversion.compile_kernels(options.spec)
        paths = [path for files in inputs.values() for file in files for path in file.paths]
        with conversion_bar(paths, progress) as advance:
            return conversion.convert(inputs, output_dir, options, advance)
    try:
        from mach_tf.data import beam_conversion
    except ImportError as error:
        raise InputError(
            f"runner={runner} needs Apache Beam ({error}). Install it beside TensorFlow: pip install 'mach-tf[beam]'"
        ) from None
    return beam_conversion.convert(inputs, output_dir, options, runner, list(runner_flags))
