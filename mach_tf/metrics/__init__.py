"""Metrics of ranked labels, their intervals, breakdowns and calibration, in NumPy alone."""
