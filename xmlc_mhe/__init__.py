"""Extreme multi-label text classification with Multi-Head Encoding."""

__version__ = "0.1.0"
