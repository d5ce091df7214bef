"""Readers of texts with labels: JSON Lines, CSV, TSV, Annif's corpora, fastText, parallel files and Parquet. No TensorFlow."""
