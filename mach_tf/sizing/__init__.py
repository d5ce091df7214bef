"""Sizing: the memory, disk and time that a training needs, and the buckets, repetitions and settings that suit the data."""
