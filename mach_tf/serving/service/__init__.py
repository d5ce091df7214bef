"""The service: a servable behind HTTP, with batches, reloads, limits and metrics."""
