"""Training: from a dataset directory to a model directory of R bucket classifiers."""
