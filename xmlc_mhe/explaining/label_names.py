"""Which label a name means, and which others a user may have meant."""

from difflib import get_close_matches

from ..errors import in_short

MOST_SIMILAR = 5


def label_id(names: list[str], name: str) -> int:
    """Return the label of this name; raises ValueError, with the nearest names, where there is none."""
    try:
        return names.index(name)
    except ValueError:
        pass
    near = nearest_names(str(name), names)
    hint = f"did you mean {', '.join(map(in_short, near))}?" if near else "the model lists all in label_names_."
    raise ValueError(f'label must be one of the {len(names)} of the model. Got "{in_short(name)}"; {hint}')


def nearest_names(name: str, names: list[str]) -> list[str]:
    """Return the names that are spelt most like this one, whatever their case, nearest first."""
    by_folded: dict[str, str] = {}
    for known in names:
        by_folded.setdefault(known.casefold(), known)
    found = get_close_matches(name.casefold(), by_folded, n=MOST_SIMILAR)
    return [by_folded[folded] for folded in found]
