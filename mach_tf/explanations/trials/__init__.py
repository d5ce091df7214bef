"""Trials of attributions: faithfulness by removing features, stability under an attack."""
