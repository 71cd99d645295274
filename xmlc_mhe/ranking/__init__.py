"""Candidates of a document to calibrated probabilities: one file for each kind of evidence."""
