"""From text or matrices to a dataset directory of TFRecord shards, and back."""
