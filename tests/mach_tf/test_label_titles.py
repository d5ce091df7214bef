from __future__ import annotations

import pytest

from mach_tf.label_titles import LabelTitles

NAMES, KEYS = ["cat", "dog"], ["https://example.org/c", "https://example.org/d"]


@pytest.mark.parametrize(
    ("titles", "key", "name", "parts"),
    [
        (LabelTitles(), "1", "1", {}),
        (LabelTitles(NAMES), "dog", "dog", {"name": "dog"}),
        (LabelTitles(keys=KEYS), KEYS[1], KEYS[1], {"key": KEYS[1]}),
        (LabelTitles(NAMES, KEYS), KEYS[1], "dog", {"key": KEYS[1], "name": "dog"}),
    ],
)
def test_a_label_is_called_by_what_is_known_of_it(titles, key, name, parts):
    assert (titles.key(1), titles.name(1), titles.parts(1)) == (key, name, parts)
