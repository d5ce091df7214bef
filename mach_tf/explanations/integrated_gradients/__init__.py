"""Integrated Gradients of label scores with respect to hashed features, and the shares of raw features in them."""
