from __future__ import annotations

from mach_tf.serving.service.measurements import Measurements


def test_requests_batches_queue_and_version_are_shown():
    measurements = Measurements(lambda: 5, lambda: 3)
    measurements.request("/predict", 200, 0.004)
    measurements.request("/predict", 503, 0.001)
    measurements.batch(7)
    text = measurements.text().decode()
    for line in (
        'mach_requests_total{path="/predict",status="503"} 1.0',
        'mach_request_seconds_bucket{le="0.005",path="/predict"} 2.0',
        'mach_batch_points_bucket{le="8.0"} 1.0',
        "mach_queued_points 5.0",
        "mach_model_version 3.0",
    ):
        assert line in text


def test_refusals_and_loads_are_shown():
    measurements = Measurements(lambda: 0, lambda: 1)
    measurements.refusal("busy")
    measurements.load(0.3)
    measurements.load(None)
    text = measurements.text().decode()
    for line in (
        'mach_refused_requests_total{code="busy"} 1.0',
        "mach_load_seconds_sum 0.3",
        "mach_load_failures_total 1.0",
    ):
        assert line in text
