"""What the programs share: how they start and end, and their common flags."""
