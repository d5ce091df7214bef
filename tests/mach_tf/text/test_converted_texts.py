from __future__ import annotations

import dataclasses

from mach_tf.hashing import FeatureSpec
from mach_tf.programs.flag_errors import with_flags
from mach_tf.text.converted_texts import ConvertedTexts
from tests.mach_tf.data.test_converted import _manifest
from tests.mach_tf.text.test_text_summary import SUMMARY

CONVERTED = ConvertedTexts("data/mine", _manifest(5000, FeatureSpec(0)), [], 6_000_000, 2.0, text=SUMMARY)


def test_it_prints_what_was_kept_before_the_splits():
    shown = str(CONVERTED)
    assert shown.startswith(f"{SUMMARY}\n\nsplit") and shown.endswith("Dataset: data/mine")
    assert "have no name" not in shown
    unnamed = dataclasses.replace(CONVERTED, text=dataclasses.replace(SUMMARY, unnamed_labels=3))
    assert f"{SUMMARY}\n3 label(s) have no name in label_names, and stand under their keys.\n\nsplit" in str(unnamed)
    untrained = dataclasses.replace(CONVERTED, text=dataclasses.replace(SUMMARY, untrained_labels=2))
    assert "\n2 label(s) of label_names have no training point; they keep their ids" in str(untrained)


def test_a_program_names_its_flags():
    flags = {"min_document_frequency", "label_names", "max_vocabulary", "min_label_count"}
    shown = CONVERTED.report(lambda text: with_flags(text, flags))
    assert "(--min_document_frequency)" in shown and "(--max_vocabulary)" in shown


def test_it_is_the_json_of_any_conversion_and_the_summary():
    assert CONVERTED.to_json()["text"] == SUMMARY.to_json() and CONVERTED.to_json()["labels"] == 70
