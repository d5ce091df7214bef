"""From the sketch to label scores and the top k labels."""
