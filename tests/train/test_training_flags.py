from __future__ import annotations

import importlib

import pytest
from absl import flags

from mach_tf import presets
from mach_tf.training_config import TrainingConfig
from tests.helpers import programs

PLACES = ["--dataset_dir=data", "--model_dir=models"]


@pytest.fixture
def parse():
    """Imports train.main anew, parses its arguments and returns train.training_flags."""

    def parsed(*arguments):
        programs.forget_flags()
        importlib.import_module("train.main")
        flags.FLAGS(["train.main", *PLACES, *arguments])
        return importlib.import_module("train.training_flags")

    return parsed


def test_each_setting_has_a_flag_with_its_default_and_a_full_sentence(parse):
    module = parse()
    assert set(module.HELP) == set(TrainingConfig.__dataclass_fields__)
    assert all(text[0].isupper() and text.endswith(".") for text in module.HELP.values())
    assert module.config() == TrainingConfig()


def test_flags_become_the_configuration_in_their_types(parse):
    config = parse("--epochs=2", "--epsilon=1", "--mixed_precision", "--optimizer=adam").config()
    assert config == TrainingConfig(epochs=2, epsilon=1.0, mixed_precision=True, optimizer="adam")


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_by_name_is_its_flagfile(parse, name):
    by_name = parse(f"--preset={name}")
    by_name.apply_preset()
    settings = [by_name.config(), flags.FLAGS.buckets, flags.FLAGS.repetitions]
    by_file = parse(f"--flagfile={presets.path(name)}")
    assert settings == [by_file.config(), flags.FLAGS.buckets, flags.FLAGS.repetitions]


def test_flags_that_are_given_win_over_the_preset(parse):
    module = parse("--preset=eurlex57k", "--epochs=77", "--adam_epsilon=0.5")
    module.apply_preset()
    config = module.config()
    assert (config.epochs, config.optimizer_epsilon, config.dropout) == (77, 0.5, 0.3)
    assert flags.FLAGS.dataset_dir == "data"
    assert flags.FLAGS["buckets"].present, "so that nobody is told to plan them"


def test_without_a_preset_nothing_changes(parse):
    module = parse()
    module.apply_preset()
    assert module.config() == TrainingConfig() and not flags.FLAGS["epochs"].present


def test_an_old_flagfile_is_read(parse, tmp_path):
    (tmp_path / "old.flags").write_text("--buckets=30\n--adam_epsilon=1e-3\n--epochs=2\n")
    config = parse(f"--flagfile={tmp_path / 'old.flags'}").config()
    assert config == TrainingConfig(optimizer_epsilon=1e-3, epochs=2)


def test_what_is_given_and_what_is_left_to_rules():
    programs.forget_flags()
    importlib.import_module("train.plan")
    module = importlib.import_module("train.training_flags")
    flags.FLAGS(["train.plan", "--epochs=3", "--optimizer=adam"])
    assert module.given("hidden_units", "batch_size", "epochs", "optimizer") == {"epochs": 3, "optimizer": "adam"}
    assert flags.FLAGS.batch_size is None and flags.FLAGS.hidden_units == TrainingConfig.hidden_units
    assert flags.FLAGS["batch_size"].help.endswith(" By default the number of points decides.")
