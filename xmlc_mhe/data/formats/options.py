"""How to read a source: the options and their defaults."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadOptions:
    """How to read a source.

    Args:
        format: a name from formats.FORMATS; None finds it from file names and first lines.
        text_columns: the columns of a table that hold the text; several are joined by a space.
        label_column: the column of a table that holds the labels, as a list or as one string.
        label_separator: what parts the labels in a string; None is white space.
        encoding: of text files, as Python calls it, such as "cp1252"; None is UTF-8.
        sheet: the sheet of a workbook; None is the first.
        num_labels: how many of the last columns of an ARFF file are labels; None is what its XML file tells.
        num_features: columns of X where a file does not tell (svmlight): features from it on are left out. None takes
            as many as occur.
        data_dir: the folder that holds benchmarks under their names; None takes the variable XMLC_DATA.
    """

    format: str | None = None
    text_columns: tuple[str, ...] = ("text",)
    label_column: str = "labels"
    label_separator: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    num_labels: int | None = None
    num_features: int | None = None
    data_dir: str | None = None


DEFAULT_OPTIONS = ReadOptions()
