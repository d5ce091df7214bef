"""Attacks on an ensemble, and what they did."""
