from __future__ import annotations

import json

from mach_tf.text.text_summary import LeftOut, TextSummary

SUMMARY = TextSummary(
    1200,
    34_567,
    100,
    7,
    2400,
    0,
    (
        LeftOut("terms", 1500, "in fewer than 2 training points (min_document_frequency)"),
        LeftOut("terms", 0, "in more than 50% of the training points (max_document_fraction)"),
        LeftOut("terms", 3, "less frequent than the first 100 (max_vocabulary)"),
        LeftOut("records", 2, "bad lines"),
    ),
)


def test_it_prints_what_was_kept_and_left_out_and_why():
    lines = str(SUMMARY).splitlines()
    assert lines[0].split() == ["kept", "left", "out", "why"]
    assert [" ".join(line.split()) for line in lines[2:]] == [
        "records 1,200 2 bad lines",
        "words of training points 34,567",
        "terms 100 1,500 in fewer than 2 training points (min_document_frequency)",
        "3 less frequent than the first 100 (max_vocabulary)",
        "labels 7",
        "label assignments 2,400",
    ]


def test_it_is_json():
    value = json.loads(json.dumps(SUMMARY.to_json()))
    assert value["words"] == 34_567 and value["left_out"][2]["count"] == 3
