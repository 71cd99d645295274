"""The formats of data: which there are (`table`), and which one a source is in (`finding`).

A refusal is one DataError that names the file, the line where it has lines (from 1), and the mend.
"""
