"""Whether input files hold texts, or bags of words of the Extreme Classification Repository."""

from __future__ import annotations

from collections.abc import Iterable

from mach_tf.choices import AUTO, BAG_OF_WORDS
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.text.options import TextOptions
from mach_tf.text.readers.recognition import Recognised, recognise


def holds_texts(inputs: Iterable[TextInput], options: TextOptions) -> bool:
    """Returns whether files hold texts; what is in no known format counts as bags of words, whose reader says what is wrong.

    Args:
      inputs: the files.
      options: what the caller says about texts; any option that is given says that the files hold them.

    Raises:
      InputError: options of texts are given for bags of words, or some files hold texts and others do not.
    """
    given = [name for name in options.given if name != "input_format"]
    if options.input_format == AUTO:
        found = [(file.path, _recognised(file, bool(given))) for file in inputs]
    else:
        found = [(file.path, Recognised(options.input_format, "input_format says so")) for file in inputs]
    bags = [(path, what) for path, what in found if what.format == BAG_OF_WORDS]
    texts = [(path, what) for path, what in found if what.format != BAG_OF_WORDS]
    if bags and texts:
        raise InputError(
            f"All files must hold texts, or all bags of words ({texts[0][0]} was read as {texts[0][1].format}, because "
            f"{texts[0][1].seen}; {bags[0][0]} as a bag of words, because {bags[0][1].seen}). Give files of one kind."
        )
    if bags and given:
        verb = "is an option" if len(given) == 1 else "are options"
        raise InputError(
            f"{', '.join(given)} {verb} for texts, and {bags[0][0]} was read as a bag of words, because {bags[0][1].seen}. Leave "
            "such options out, or say what the file holds with input_format."
        )
    return bool(texts)


def _recognised(file: TextInput, is_text: bool) -> Recognised:
    """Returns the format of a file.

    Args:
      file: the file.
      is_text: whether other options say that it holds texts.
    """
    if file.labels_path is not None and not is_text:
        # Any lines may be texts: a damaged file of the repository's split form would become a dataset of texts.
        return Recognised(BAG_OF_WORDS, "its labels are in a file of their own and no option of texts is given")
    try:
        return recognise(file.path, file.labels_path)
    except InputError:
        if is_text:
            raise
        return Recognised(BAG_OF_WORDS, "it is in no other known format")
