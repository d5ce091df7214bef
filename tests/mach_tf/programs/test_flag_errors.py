from __future__ import annotations

import pytest
from absl import flags

from mach_tf.errors import InputError
from mach_tf.programs.flag_errors import flag_errors, with_flags

NAMES = {"group_size", "buckets", "repetitions", "model_dir", "epsilon", "learning_rate", "hidden_units", "labels"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("epsilon must be 0 or more (got -1.0).", "--epsilon must be 0 or more (got -1.0)."),
        ("buckets=7 exceeds the 5 labels.", "--buckets=7 exceeds the 5 labels."),
        ("Give the same data, or another model_dir.", "Give the same data, or another --model_dir."),
        ("Lower group_size, hidden_units or buckets.", "Lower --group_size, --hidden_units or --buckets."),
        ("lower learning_rate or epsilon; it is so", "lower --learning_rate or --epsilon; it is so"),
        ("0 <= FIRST < END <= repetitions=8 (got 3)", "0 <= FIRST < END <= --repetitions=8 (got 3)"),
        ("Lower learning_rate, or make room", "Lower --learning_rate, or make room"),
        ("use epsilon='small' or labels=\"top:3\".", "use --epsilon=small or --labels=top:3."),
        ("raise buckets (now 7).", "raise --buckets (now 7)."),
        ("labels=all: epsilon means nothing there", "--labels=all: --epsilon means nothing there"),
    ],
)
def test_arguments_become_flags(message, expected):
    assert with_flags(message, NAMES) == expected


@pytest.mark.parametrize(
    "message",
    [
        "--epsilon must be 0 or more.",
        "repetitions of the model are missing; its labels and buckets are none",
        "the epsilon must be 0 or more",
        "training.learning_rate was 3, is now 4",
        "/tmp/model_dir/group_size/x.txt and model_dir.json and 'hidden_units'",
        "feature_hash_dim must be 0 or more",
        "The dataset must have the spec Spec(epsilon=0, steps=3, labels='top') (got Spec(epsilon=1)).",
        "",
    ],
)
def test_other_words_stay(message):
    assert with_flags(message, NAMES) == message


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("ks must not exceed the 9 labels; ks=10 does.", "--k must not exceed the 9 labels; --k=10 does."),
        ("raise limits.low or limits.high.", "raise --low or --high."),
        ("Targeted attacks need ks below 3.", "Targeted attacks need ks below 3."),
        ("limits.high.json and epsilon.low", "limits.high.json and epsilon.low"),
    ],
)
def test_an_arguments_flag_may_have_another_name(message, expected):
    renamed = {"ks": "k", "attacks": "attack", "limits.low": "low", "limits.high": "high"}
    assert with_flags(message, NAMES, renamed) == expected


def test_the_running_programs_flags_are_known():
    values = flags.FLAGS
    assert "log_dir" in values and "verbosity" in values
    assert with_flags("verbosity must be a number; see log_dir.") == "--verbosity must be a number; see --log_dir."


def test_only_input_errors_are_translated():
    with pytest.raises(InputError) as raised, flag_errors():
        raise InputError("verbosity must be a number.")
    assert str(raised.value) == "--verbosity must be a number."
    with pytest.raises(KeyError, match="log_dir"), flag_errors():
        raise KeyError("log_dir")
    with flag_errors():
        pass
