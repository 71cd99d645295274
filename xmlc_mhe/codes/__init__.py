"""Labels to digits: the order of labels, their mixed-radix code, and the lengths of the heads."""
