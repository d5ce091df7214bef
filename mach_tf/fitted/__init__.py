"""What an estimator holds after `fit`: the stored model, the classes, and predictions in the form of the training labels."""
