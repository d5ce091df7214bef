"""Training repetitions side by side: model, adversarial step, optimizers, checkpoints, and what it will take."""
