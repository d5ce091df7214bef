"""Times preprocessing of texts, from records to shards, against scikit-learn, and measures the memory of both.

    python -m benchmarks.text

`mach_tf` is mach_tf.preprocess: tokens, vocabulary, tf-idf, shards. `scikit_learn` is TfidfVectorizer with the same n-grams, minimum document
frequency and vocabulary size, and dump_svmlight_file, which writes its matrix as text. Both read the same file, each in a process of
its own; imports and compiled kernels are not timed. The files are generated records, all and a
quarter of them, and real text, if --input exists, repeated.

The JSON object on the last line holds, for each file and arm, the seconds, records and megabytes of text per second, and the peak memory.
"ratios" compares the seconds of scikit-learn with ours (the target is 3), also those of processors, which a busy machine changes less,
and each arm's peak memory with all records and with a quarter.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from absl import flags

from benchmarks.measured_process import Work, check_arms, measure
from benchmarks.synthetic_text import write_records
from mach_tf import startup
from mach_tf.data.textfile import opener
from mach_tf.programs import program

flags.DEFINE_integer("records", 500_000, "The number of generated records.", 8)
flags.DEFINE_string(
    "input",
    "../shared/data/tib-core-text/train.tsv.xz",
    "Reads real text from this TSV corpus of Annif; left out if the file does not exist.",
)
flags.DEFINE_integer("repeat", 10, "Repeats the records of --input this many times.", 1)
flags.DEFINE_list("arms", ["mach_tf", "scikit_learn"], "Runs these arms: mach_tf, scikit_learn.")
flags.DEFINE_integer("seed", 0, "The seed of the generated records.")

FLAGS = flags.FLAGS

_NGRAMS, _MIN_DOCUMENTS, _VOCABULARY = (1, 2), 2, 100_000
_PART = 4


def main(argv: list[str]) -> None:
    """Runs the program."""
    del argv
    check_arms(FLAGS.arms, _ARMS)
    with tempfile.TemporaryDirectory() as directory:
        results = {
            name: {arm: measure(prepare, arm, path, os.path.join(directory, f"{name}.{arm}")) for arm in FLAGS.arms}
            for name, path in _files(directory)
        }
    print(json.dumps({"cores": os.cpu_count() or 1, "files": results, "ratios": ratios(results)}))


def prepare(arm: str, path: str, output: str) -> Work:
    """Returns the work of an arm, warmed up."""
    return _ARMS[arm](path, output)


def ratios(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Returns scikit-learn's seconds over ours for each file, of the clock and of processors, and each arm's peak memory with all generated
    records over that with a quarter.

    Args:
      results: by file and arm, what `measure` returns.
    """
    compared = {
        f"{name}{suffix}: scikit_learn/mach_tf": round(arms["scikit_learn"][key] / arms["mach_tf"][key], 2)
        for name, arms in results.items()
        if len(arms) == len(_ARMS)
        for suffix, key in (("", "seconds"), (", processor time", "cpu_seconds"))
    }
    for arm, whole in results["generated"].items():
        compared[f"memory: {arm}"] = round(whole["peak_mb"] / results["quarter"][arm]["peak_mb"], 2)
    return compared


def _files(directory: str) -> Iterator[tuple[str, str]]:
    """Yields the name and the path of each file, made when it is its turn."""
    if os.path.exists(FLAGS.input):
        path = os.path.join(directory, "real.tsv")
        with opener(FLAGS.input)(FLAGS.input, "rb") as file:
            text = file.read()
        with open(path, "wb") as file:
            for _ in range(FLAGS.repeat):
                file.write(text)
        yield "real", path
    for name, records in (("quarter", FLAGS.records // _PART), ("generated", FLAGS.records)):
        path = os.path.join(directory, f"{name}.jsonl")
        write_records(path, records, FLAGS.seed)
        yield name, path


def _ours(path: str, output: str) -> Work:
    startup.keep_freed_memory()  # as the program does
    from mach_tf import preprocess

    def convert(path: str, output: str) -> Any:
        fields = {} if path.endswith(".tsv") else {"text_fields": ["text"], "label_field": ["labels"]}
        terms = {
            "word_ngrams": _NGRAMS,
            "min_document_frequency": _MIN_DOCUMENTS,
            "max_vocabulary": _VOCABULARY,
        }
        return preprocess(output, train=path, progress=False, **fields, **terms)

    with tempfile.TemporaryDirectory() as directory:
        warm_up = os.path.join(directory, f"tiny{os.path.splitext(path)[1]}")
        with open(path, "rb") as file, open(warm_up, "wb") as tiny:
            tiny.writelines(file.readline() for _ in range(2))
        convert(warm_up, os.path.join(directory, "tiny"))

    def work() -> tuple[int, int]:
        return convert(path, output).points, os.path.getsize(path)

    return work


def _scikit_learn(path: str, output: str) -> Work:
    import numpy as np
    from sklearn.datasets import dump_svmlight_file
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import MultiLabelBinarizer

    def work() -> tuple[int, int]:
        labels: list[list[str]] = []
        vectorizer = TfidfVectorizer(
            token_pattern=r"[^\W_]+",
            ngram_range=_NGRAMS,
            min_df=_MIN_DOCUMENTS,
            max_features=_VOCABULARY,
            sublinear_tf=True,
            dtype=np.float32,
        )
        features = vectorizer.fit_transform(_texts(path, labels))
        indicator = MultiLabelBinarizer(sparse_output=True).fit_transform(labels)
        dump_svmlight_file(features, indicator, output, multilabel=True)
        return len(labels), os.path.getsize(path)

    return work


def _texts(path: str, labels: list[list[str]]) -> Iterator[str]:
    """Yields the texts of a file, and appends the labels of each to `labels`."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if path.endswith(".tsv"):
                text, tags = line.rstrip("\n").split("\t")
                labels.append(tags.split())
            else:
                record = json.loads(line)
                text = record["text"]
                labels.append(record["labels"])
            yield text


_ARMS = {"mach_tf": _ours, "scikit_learn": _scikit_learn}

if __name__ == "__main__":
    program.run(main)
