"""Documents to numbers: words, given features, learned encoders, and two of these side by side."""
