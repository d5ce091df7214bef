"""FGSM, PGD and targeted attacks on a whole network, and what they do to its metrics."""
