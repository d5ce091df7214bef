"""Certificates: proofs that no perturbation of a point within epsilon changes what a model predicts for it."""
