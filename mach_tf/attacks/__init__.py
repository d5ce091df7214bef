"""FGSM in training; FGSM, PGD and targeted attacks on an ensemble, and what they did."""
