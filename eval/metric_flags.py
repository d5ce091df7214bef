"""The flags that describe metrics, for every program that reports them."""

from __future__ import annotations

from absl import flags

FLAGS = flags.FLAGS

# Arguments of the library whose flag has another name.
RENAMED = {"ks": "k"}

flags.DEFINE_list(
    "k",
    ["1", "3", "5"],
    "Reports the metrics at these cut-offs, as in P@1, P@3 and P@5; each is at most the number of labels, and with fewer than 5 "
    "labels the default ends there. Targeted attacks aim at the largest.",
)
flags.DEFINE_integer(
    "bootstrap",
    1000,
    "Resamples the points this many times for the 95% intervals; 0 leaves the intervals out. Increase it for more "
    "precise intervals.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "seed", 0, "Seeds the resamples, 0 or more; change it to see how stable the intervals are.", lower_bound=0
)
flags.DEFINE_string(
    "filter_labels",
    None,
    "Leaves the pairs of points and labels in this file out of predictions and truth: one pair per line, such as '3 17', both "
    "from 0. Give the repository's filter_labels_test.txt to compare with the published figures of the LF-* data sets.",
)
