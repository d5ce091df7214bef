"""Extreme multi-label classification with MACH: adversarially trained, explained by Integrated Gradients.

Import mach_tf before TensorFlow: the import sets the C library's allocator, which training speed depends on. The names below
are imported when they are first used, so that what needs no TensorFlow does not wait for it.
"""

from __future__ import annotations

import importlib
from typing import Any

from mach_tf import startup

__version__ = "0.1.0"

startup.warn_if_late()
startup.prepare()

_MODULES = {  # public name: the module that defines it
    "Certification": "mach_tf.evaluation.certification_result",
    "Ensemble": "mach_tf.ensemble",
    "Evaluation": "mach_tf.evaluation.evaluation_result",
    "FeatureSpec": "mach_tf.hashing",
    "InputError": "mach_tf.errors",
    "MachClassifier": "mach_tf.sklearn",
    "MachEnsemble": "mach_tf.mach_ensemble",
    "Robustness": "mach_tf.evaluation.model_robustness",
    "TrainingConfig": "mach_tf.training_config",
    "certify": "mach_tf.evaluation.certification",
    "evaluate": "mach_tf.evaluation.evaluation",
    "fit": "mach_tf.training.fit",
    "preprocess": "mach_tf.preprocessing",
    "supporting_points": "mach_tf.explanations.supporting_points",
    "write_dataset": "mach_tf.data.matrices",
}
_WITHOUT_TENSORFLOW = ("FeatureSpec", "InputError", "TrainingConfig", "preprocess", "write_dataset")
__all__ = sorted(_MODULES)  # noqa: PLE0605 (the table is the one place to add a name)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _WITHOUT_TENSORFLOW:
        startup.check_docstrings()
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
