"""Lengths of the heads for a number of labels: the candidates, their costs, and which to take for MHP and MHC."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..checks import check_whole

MOST_LABELS = 2**31 - 1  # labels are int32
SEARCHED = 50_000  # the most candidates; two heads never have so many
MHC_SLACK = 1.1  # the most scores, as a multiple of the fewest; the published lengths of Wiki-500K need 1.06
PUBLISHED_BEAM = 10  # groups kept by the authors' scripts (Anoise/MHE, XMC/) for the three smaller data sets

# (data set, number of labels): lengths of the heads in the paper's experiments
PUBLISHED = {
    ("Eurlex-4K", 3956): (172, 23),
    ("AmazonCat-13K", 13330): (310, 43),
    ("Wiki10-31K", 30938): (499, 62),
    ("Wiki-500K", 501070): (5630, 89),
    ("Amazon-670K", 670091): (8377, 80),
    ("Amazon-3M", 2812281): (8761, 321),
}


@dataclass(frozen=True)
class HeadPlan:
    """One way to write C labels with H heads, and what it costs.

    Parameters are weights. Biases and a projection of the features are not counted. Where `plan` is given dim, they are
    numbers, for features of dim numbers; otherwise they are vectors as long as the features.
    """

    head_sizes: tuple[int, ...]  # descending; the first is the shortest that the others allow
    padding: int  # codes without a label: prod |O_h| - C
    confusion_degree: float  # eq. 15; less is better
    approximation_steps: int  # H - 1, eq. 14; less is better
    mhp_parameters: int  # dim * sum_h |O_h|
    mhc_parameters: int  # dim * sum_h ceil(C / prod_{k>h} |O_k|): |O_1|, then an embedding a prefix, C in the last head
    mhc_scores: int  # of one document: |O_1| + sum_{h>1} beam * |O_h|, or fewer where there are fewer prefixes
    recommended_for: tuple[str, ...] = ()  # of "mhp" and "mhc"
    published_for: str | None = None  # the data set of this many labels for which the paper has these lengths


def plan(num_labels: int, *, num_heads: int = 2, dim: int | None = None, beam: int = PUBLISHED_BEAM) -> list[HeadPlan]:
    """Return the candidate lengths of num_heads heads for num_labels labels, the nearest to equal lengths first.

    The lengths of a candidate are two or more and descend, and the first is no longer than the others require. Two
    candidates are recommended:
    mhp: the one with the smallest confusion degree, then the least padding, then the fewest parameters. It is the first
        of the list.
    mhc: of the candidates that need at most MHC_SLACK times the fewest scores of a document, the one with the least
        padding, then the fewest scores, then the smallest confusion degree. With the beams of the authors' scripts
        (10, 10, 10, 32, 75, 30), this gives all PUBLISHED lengths except those of Amazon-670K, whose padding is not the
        least. MHS can take these lengths, as the paper wants descending lengths for it, too.

    Args:
        num_labels: C, from 1 to 2**31 - 1.
        num_heads: H. With two heads, all candidates are returned. With more heads there may be more than SEARCHED of
            them; then the longest lengths of each head are tried, and a geometric sample of its other lengths.
        dim: the length of a weight vector, by which parameters are counted; None counts vectors.
        beam: how many prefixes a later head of MHC continues, by which its scores are counted.
    Raises: ValueError: an argument is out of range, or a head would have a single local label.
    Source: Liang et al., arXiv:2412.10182, eq. 14 and 15; the rule for mhc is ours.
    """
    check_whole("num_labels", num_labels, most=MOST_LABELS)
    check_whole("num_heads", num_heads)
    check_whole("beam", beam)
    if dim is not None:
        check_whole("dim", dim)
    num_labels, num_heads, beam, dim = int(num_labels), int(num_heads), int(beam), 1 if dim is None else int(dim)
    most_heads = max(1, (num_labels - 1).bit_length())
    if num_heads > most_heads:
        raise ValueError(
            f"num_heads must be 1 to {most_heads} for num_labels={num_labels}, so that no head has a single local "
            f"label. Got {num_heads}; use fewer heads."
        )
    candidates = _descending_lengths(num_labels, num_heads, 2 if num_heads > 1 else 1, SEARCHED)
    plans = [_measure(num_labels, head_sizes, dim, beam) for head_sizes in candidates]
    plans.sort(key=lambda p: (p.confusion_degree, p.padding, p.mhp_parameters))
    fewest_scores = min(p.mhc_scores for p in plans)
    for_mhc = min(
        (i for i, p in enumerate(plans) if p.mhc_scores <= MHC_SLACK * fewest_scores),
        key=lambda i: (plans[i].padding, plans[i].mhc_scores, i),
    )
    plans[0] = replace(plans[0], recommended_for=("mhp",))
    plans[for_mhc] = replace(plans[for_mhc], recommended_for=(*plans[for_mhc].recommended_for, "mhc"))
    return plans


def confusion_degree(head_sizes: Sequence[int]) -> float:
    """Return D, the largest value of prod_{h=2..H} (prod_{k>=h} |O_k|) / |O_{h-1}| over all orders of the heads.

    The power of |O_k| in the product grows with k, so that the ascending order gives the largest value. With two heads,
    D is the longer length divided by the shorter one; with one head, it is 1.
    Source: Liang et al., arXiv:2412.10182, eq. 15.
    """
    ascending = sorted(head_sizes)
    return math.prod(math.prod(ascending[h:]) for h in range(1, len(ascending))) / math.prod(ascending[:-1])


def best_of_each_ratio(plans: Sequence[HeadPlan], num_ratios: int = 12) -> list[HeadPlan]:
    """Return a few of the plans, in their order: the recommended and the published ones, and some with little padding.

    The latter are the plans with the least padding in each of num_ratios equal steps of log(|O_1| / |O_H|).
    """
    logs = [math.log(p.head_sizes[0] / p.head_sizes[-1]) for p in plans]
    width = (max(logs) - min(logs)) / num_ratios or 1.0
    best: dict[int, int] = {}
    for i, p in enumerate(plans):
        ratio = min(int((logs[i] - min(logs)) / width), num_ratios - 1)
        if ratio not in best or p.padding < plans[best[ratio]].padding:
            best[ratio] = i
    kept = set(best.values())
    return [p for i, p in enumerate(plans) if i in kept or p.recommended_for or p.published_for]


def _descending_lengths(num_codes: int, num_heads: int, shortest: int, most: int) -> Iterator[tuple[int, ...]]:
    """Yield at most `most` tuples of descending lengths, none below `shortest`, that name num_codes or barely more."""
    if num_heads == 1:
        yield (num_codes,)
        return
    lasts = _lengths_to_try(shortest, _longest_last(num_codes, num_heads), int(most ** (1 / (num_heads - 1)) + 1e-9))
    for last in lasts:
        for earlier in _descending_lengths(-(-num_codes // last), num_heads - 1, last, most // len(lasts)):
            yield (*earlier, last)


def _longest_last(num_codes: int, num_heads: int) -> int:
    """Return the largest length of the last head for which no earlier head needs to be shorter than it."""
    last = math.ceil(num_codes ** (1 / num_heads)) + 1
    while last ** (num_heads - 1) * (last - 1) >= num_codes:  # that is, ceil(num_codes / last^(num_heads - 1)) < last
        last -= 1
    return last


def _lengths_to_try(shortest: int, longest: int, most: int) -> Sequence[int]:
    """Return all lengths from shortest to longest, or, if they are more than `most`, the longest and a sample."""
    if longest - shortest < most:
        return range(shortest, longest + 1)
    sample = np.geomspace(shortest, longest, most // 2).astype(int).tolist()
    return sorted({*sample, *range(longest - (most - most // 2) + 1, longest + 1)})


def _measure(num_labels: int, head_sizes: tuple[int, ...], dim: int, beam: int) -> HeadPlan:
    prefixes = [num_labels]  # of h digits that a label has, h = 1..H
    for size in head_sizes[:0:-1]:
        prefixes.insert(0, -(-prefixes[0] // size))
    later = zip(prefixes[:-1], head_sizes[1:], strict=True)
    return HeadPlan(
        head_sizes,
        padding=math.prod(head_sizes) - num_labels,
        confusion_degree=confusion_degree(head_sizes),
        approximation_steps=len(head_sizes) - 1,
        mhp_parameters=dim * sum(head_sizes),
        mhc_parameters=dim * sum(prefixes),
        mhc_scores=head_sizes[0] + sum(min(beam, groups) * size for groups, size in later),
        published_for=next(
            (name for (name, size), lengths in PUBLISHED.items() if (size, lengths) == (num_labels, head_sizes)), None
        ),
    )
