"""The ranker: one sparse linear classifier per label, whose scores are added to those of the ensemble.

Labels of a bucket share its classifier, so an ensemble learns little of what sets a label with few training points apart from the
others in its buckets. A linear classifier of its own learns that in seconds.
"""
