"""Examples that a servable keeps for the page of the service: a few short texts, or points of few features.

A servable keeps none unless a file of them is given, because data may be private.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from mach_tf.choices import AUTO
from mach_tf.data import libsvm
from mach_tf.data.libsvm import TextInput, TextReader
from mach_tf.errors import InputError
from mach_tf.network import Network
from mach_tf.serving.kept_examples import Example
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.settings import InputSettings

# The readers' errors are sentences, and those about settings are known by the names of these. One that is overlooked would name a setting
# that an export does not take; one too many would leave out advice.
_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z]|text_fields)")
_SETTINGS = re.compile(r"\b(input_format|text_fields|label_field|label_indicators)\b")
MOST_EXAMPLES, MOST_CHARACTERS, MOST_FEATURES = 5, 1000, 50
_BLOCK_RECORDS, _BLOCK_BYTES = 1000, 1 << 20


def read_input(network: Network, path: str) -> list[Example]:
    """Returns the first examples of a file that are short and not empty.

    Args:
      network: the model.
      path: a file as mach-predict takes it: texts for a model of texts, or else a bag of words.

    Raises:
      InputError: the file is in no such format, or has no short example.
    """
    found = _texts(network, path) if network.manifest.text is not None else _points(network, path)
    examples = list(itertools.islice(found, MOST_EXAMPLES))
    if not examples:
        rule = f"{MOST_FEATURES} features"
        if network.manifest.text is not None:
            rule = f"{MOST_CHARACTERS} characters in the field(s) {', '.join(network.texts.fields)}"
        raise InputError(f"{path} must hold an example of at most {rule} (got none). Give another file as examples.")
    return examples


def _texts(network: Network, path: str) -> Iterator[Example]:
    source = TextInput(path)
    try:
        settings = network.texts.settings_for(source, InputSettings(AUTO, (), labels_optional=True))
        with open_records(source, settings) as records:
            for batch in records.batches(_BLOCK_RECORDS, _BLOCK_BYTES):
                for record in batch.records:
                    if 0 < sum(len(text.strip()) for text in record.texts) <= MOST_CHARACTERS:
                        yield dict(zip(network.texts.fields, record.texts))
    except InputError as error:
        raise InputError(_without_settings(str(error), network.texts.fields)) from None


def _without_settings(message: str, fields: Sequence[str]) -> str:
    """Returns a message of a reader without its sentences about settings, which an export does not take."""
    first, *others = _SENTENCES.split(message)
    kept = [other for other in others if not _SETTINGS.search(other)]
    if kept == others:
        return message
    names = ", ".join(fields)
    return " ".join(
        [first, *kept, f"Examples are read as the training texts were: give such a file, with the field(s) {names}."]
    )


def _points(network: Network, path: str) -> Iterator[Example]:
    with TextReader(path, labels_optional=True) as reader:
        for block in reader.blocks():
            points = libsvm.parse(block).faultless()
            for begin, end in zip(points.row_splits[:-1], points.row_splits[1:]):
                ids = points.feature_ids[begin:end]
                if 0 < len(ids) <= MOST_FEATURES and ids.max() < network.manifest.features:
                    # Of a float32 the shortest decimals, as a person would write them.
                    values = [float(str(value)) for value in points.feature_values[begin:end]]
                    yield {"feature_ids": ids.tolist(), "feature_values": values}
