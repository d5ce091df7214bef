"""The programs that measure a model: metrics, robustness; and the one that predicts."""
