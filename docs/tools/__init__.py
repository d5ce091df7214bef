"""Generates the parts of the documents that are read from the code, and checks the rest against it."""
