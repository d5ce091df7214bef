"""Metrics of ranked labels, their intervals, breakdowns and calibration; pure NumPy."""
