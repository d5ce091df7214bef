"""The presets, configs/*.flags: flagfiles that train.main reads without changes."""

from __future__ import annotations

import pathlib

import pytest
from absl import flags

from tests.helpers import programs

PRESETS = sorted(pathlib.Path(__file__).parents[2].glob("configs/*.flags"))
PLACES = ("dataset_dir", "model_dir")
# Where adversarial training costs too much on held-back points; the rest but for those named so train adversarially.
CLEAN = ("tib-core-text",)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_flag_is_known_and_in_range(preset):
    programs.forget_flags()
    from mach_tf.buckets import BucketSpec
    from mach_tf.training_config import TrainingConfig
    from train import main

    values = flags.FLAGS
    places = [] if preset.stem == "demo" else [f"--{name}=elsewhere" for name in PLACES]
    values(["train.main", f"--flagfile={preset}", *places])
    settings = {name: values[name].value for name in TrainingConfig.__dataclass_fields__}
    assert settings.pop("calibration_fraction") is None, "left to the rule"
    TrainingConfig(**settings)
    BucketSpec(values.buckets, values.repetitions, values.label_hash, values.seed)
    assert main.FLAGS.epsilon > 0
    clean = preset.stem.endswith("-clean") or preset.stem in CLEAN
    assert main.FLAGS.adversarial_weight == (0 if clean else 1), "presets train adversarially"


@pytest.mark.parametrize(
    "preset", [path for path in PRESETS if path.stem.endswith("-clean")], ids=lambda path: path.stem
)
def test_a_clean_preset_is_its_twin_but_for_the_weight(preset):
    twin = preset.with_stem(preset.stem.removesuffix("-clean"))
    ours, theirs = (set(path.read_text().splitlines()[1:]) for path in (preset, twin))
    assert ours - theirs == {"--adversarial_weight=0"} and theirs - ours == {"--adversarial_weight=1.0"}


def test_flags_on_the_command_line_win():
    programs.forget_flags()
    from train import main

    preset = next(path for path in PRESETS if path.stem == "demo")
    flags.FLAGS(["train.main", f"--flagfile={preset}", "--model_dir=mine", "--epochs=1"])
    assert main.FLAGS.model_dir == "mine" and main.FLAGS.epochs == 1 and main.FLAGS.dataset_dir == "demo/dataset"
