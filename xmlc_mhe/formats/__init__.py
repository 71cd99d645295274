"""The formats of data: which there are (`table`), and which one a source is in (`finding`).

A refusal is one DataError that names the file, the line where it has lines (from 1), and the mend.
"""

from .finding import Found, find_hub, find_part, find_single, has_candidates, has_hub_part, is_single_folder
from .hub import HUB_PREFIX
from .lines import read_texts, write_lines
from .part import BATCH_SIZE, DEFAULT_OPTIONS, Part, ReadOptions, id_names
from .table import FORMATS, Format, check_format, file_names, format_of_name, part_paths, single_files
from .texts import stream_texts

__all__ = [
    "BATCH_SIZE",
    "DEFAULT_OPTIONS",
    "FORMATS",
    "HUB_PREFIX",
    "Format",
    "Found",
    "Part",
    "ReadOptions",
    "check_format",
    "file_names",
    "find_hub",
    "find_part",
    "find_single",
    "format_of_name",
    "has_candidates",
    "has_hub_part",
    "id_names",
    "is_single_folder",
    "part_paths",
    "read_texts",
    "single_files",
    "stream_texts",
    "write_lines",
]
