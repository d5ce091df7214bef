"""The programs train.main and train.plan: from a dataset directory to a trained model directory."""
