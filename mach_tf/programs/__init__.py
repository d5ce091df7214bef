"""Shared parts of the programs: their start, their end, and their common flags."""
