"""FGSM, PGD and targeted attacks on a whole network, and their effect on its metrics."""
