"""From Extreme Classification Repository text to a dataset directory of hashed TFRecord shards."""
