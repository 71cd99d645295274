"""The two errors of our own, and how a message quotes what others wrote; everything else raises Python's errors."""

import contextlib
from collections.abc import Iterable, Iterator

MOST_QUOTED = 160  # characters of a foreign text in a message
MOST_LISTED = 8  # names in a message


class DataError(ValueError):
    """Input data or a model folder is not what it must be; the message names the place and the mend."""


class RecipeError(ValueError):
    """A recipe file has problems; the message lists all of them."""


def in_short(text: object, *, most: int = MOST_QUOTED) -> str:
    """Return what a user's file or another library says as one line for a message, cut after `most` characters.

    A space stands for the end of a line, and an escape for any other character that does not print, such as those that
    steer a terminal; a tab stays one.
    """
    whole = str(text)
    lines = whole[: 4 * most].splitlines()  # the rest need not be looked at: a cell can have a million characters
    line = lines[0] if len(lines) == 1 else " ".join(stripped for line in lines if (stripped := line.strip()))
    line = "".join(char if char.isprintable() or char == "\t" else ascii(char)[1:-1] for char in line)
    return line if len(line) <= most and len(whole) <= 4 * most else f"{line[:most]}..."


def listed(names: Iterable[object], *, most: int = MOST_LISTED) -> str:
    """Return the first names, each in short, and how many more there are."""
    shown = [in_short(name, most=40) for name in names]
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


@contextlib.contextmanager
def data_error_of(must: str, mend: str) -> Iterator[None]:
    """Raise one DataError for whatever another library raises over a file that it cannot read; ours pass.

    Such libraries document few of the errors that a damaged file leads to, hence every Exception.

    Args:
        must: the first sentence of the message: the file, and what it must be.
        mend: what the user can do.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{must}. Got {type(error).__name__}: {in_short(error)}; {mend}.") from None
