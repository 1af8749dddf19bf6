"""Metrics for Prometheus, served on the loopback or written to a file for node_exporter.

What is measured is measured at the seams; nothing of it is imported where ``[metrics]`` is empty.
"""
