"""Choice of `fit`'s settings: those given, then a preset's, then those of model.json, then a plan's or the defaults."""

from __future__ import annotations

import dataclasses
import difflib
import numbers
import os
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, Union

from mach_tf import presets
from mach_tf.buckets import BucketSpec
from mach_tf.choices import AUTO
from mach_tf.errors import InputError
from mach_tf.manifest import MODEL_FILE, DatasetManifest, ModelManifest
from mach_tf.memory import total_memory
from mach_tf.sizing import machine, recommendation
from mach_tf.sizing.planning import Plan, Problem
from mach_tf.training.run_options import wants_ranker
from mach_tf.training_config import TrainingConfig

DEFAULT_BUCKETS = 2000
DEFAULT_REPETITIONS = 8

_CONFIG_TYPES = typing.get_type_hints(TrainingConfig)
_TYPES = {**_CONFIG_TYPES, "buckets": int, "repetitions": int, "label_hash": str, "ranker": bool}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
# Flags of a preset that are no settings.
_PLACES = ("dataset_dir", "model_dir")


class Settings(NamedTuple):
    """The settings of a training, and what to warn of about their choice.

    Attributes:
      config: the training settings.
      bucket_spec: the hash functions.
      ranker: whether a ranker is trained too.
      warnings: a sentence each.
    """

    config: TrainingConfig
    bucket_spec: BucketSpec
    ranker: bool = False
    warnings: tuple[str, ...] = ()


def resolve(dataset: DatasetManifest, model_dir: str, plan: Optional[str], given: Mapping[str, Any]) -> Settings:
    """Returns the settings to train with.

    Args:
      dataset: the dataset's manifest.
      model_dir: the model directory; if it holds model.json, that supplies what neither `given` nor a preset does.
      plan: "auto" for the rules of mach_tf.sizing, the name of a preset, or None for TrainingConfig's defaults.
      given: settings that override all others: TrainingConfig's fields, buckets, repetitions and label_hash.

    Raises:
      InputError: no such preset, or a setting is out of its range.
      TypeError: `given` holds a name that is no setting.
    """
    _check_sketch(given)
    given = dict(given)
    for name in given:
        if name not in _TYPES:
            close = difflib.get_close_matches(name, _TYPES, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"fit() got an unexpected keyword argument {name!r}{hint}")
    if plan is not None and plan != AUTO:
        _check_preset(plan)
        given = {**read_preset(plan), **given}
    if os.path.exists(os.path.join(model_dir, MODEL_FILE)):
        return _split(_recorded(ModelManifest.read(model_dir)), given)
    if plan == AUTO:
        return _planned(dataset, given)
    return _split({"buckets": DEFAULT_BUCKETS, "repetitions": DEFAULT_REPETITIONS}, given)


def _check_preset(plan: str) -> None:
    names = presets.names()
    if plan not in names:
        close = difflib.get_close_matches(str(plan), names, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise InputError(f"plan must be None, 'auto' or one of {', '.join(names)} (got {plan!r}).{hint}")


def read_preset(name: str) -> dict[str, Any]:
    """Returns the settings of a preset, each in the type of its argument.

    Args:
      name: the preset's name; see `mach_tf.presets.names`.
    """
    settings = {}
    for setting, text in presets.read(name).items():
        if setting in _PLACES:
            continue
        if setting not in _TYPES:
            raise InputError(f"{presets.path(name)} must hold settings of fit only (got {setting}).")
        kind = _TYPES[setting]
        settings[setting] = _BOOLEANS[text.lower()] if kind is bool else kind(text)
    return settings


def _recorded(model: ModelManifest) -> dict[str, Any]:
    spec = model.bucket_spec
    buckets = {"buckets": spec.buckets, "repetitions": spec.repetitions, "label_hash": spec.family}
    return {**dataclasses.asdict(model.training), **buckets, "ranker": wants_ranker(model)}


def _planned(dataset: DatasetManifest, given: dict[str, Any]) -> Settings:
    """Returns the settings that the rules of mach_tf.sizing choose; nominal rates make the answer the same on every run."""
    problem = Problem.of(dataset)
    found = recommendation.recommend(
        problem,
        machine.nominal(total_memory()),
        {name: value for name, value in given.items() if name in _CONFIG_TYPES},
        buckets=[given["buckets"]] if "buckets" in given else (),
        repetitions=[given["repetitions"]] if "repetitions" in given else (),
        ranker=given.get("ranker"),
    )
    chosen = found.nearest
    base = {
        **dataclasses.asdict(found.config),
        **_sketch(chosen),
        "ranker": found.ranker,
    }
    settings = _split(base, given)
    if found.best or {"buckets", "repetitions"} <= set(given):
        return settings
    warning = (
        f"No number of buckets and repetitions meets all rules of planning for these data; buckets={chosen.buckets} and "
        f"repetitions={chosen.repetitions} come nearest. About {chosen.confusable:.2g} wrong labels per point share a bucket with "
        "one of its own in at least half of the repetitions."
    )
    return settings._replace(warnings=(warning,))


def _sketch(plan: Union[Plan, BucketSpec]) -> dict[str, int]:
    return {"buckets": plan.buckets, "repetitions": plan.repetitions}


def _check_sketch(given: Mapping[str, Any]) -> None:
    """Raises InputError unless the numbers of buckets and repetitions that are given are possible."""
    for name, fewest in (("buckets", 2), ("repetitions", 1)):
        value = given.get(name, fewest)
        if not isinstance(value, numbers.Integral) or value < fewest:
            raise InputError(f"{name} must be an integer of at least {fewest} (got {value!r}).")


def _split(base: Mapping[str, Any], given: Mapping[str, Any]) -> Settings:
    values = {**base, **given}
    config = TrainingConfig(**{name: value for name, value in values.items() if name in _CONFIG_TYPES})
    family = values.get("label_hash", "murmur3")
    spec = BucketSpec(int(values["buckets"]), int(values["repetitions"]), family, config.seed)
    return Settings(config, spec, bool(values.get("ranker", False)))
