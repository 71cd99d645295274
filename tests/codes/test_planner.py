import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from xmlc_mhe.codes import planner
from xmlc_mhe.codes.label_code import LabelCode
from xmlc_mhe.codes.planner import PUBLISHED, best_of_each_ratio, confusion_degree, plan

# The groups that the authors' scripts keep (Anoise/MHE, XMC/run.sh and the default in XMC/src/main.py)
PUBLISHED_BEAMS = {"Eurlex-4K": 10, "AmazonCat-13K": 10, "Wiki10-31K": 10, "Wiki-500K": 32, "Amazon-3M": 30}


def reference_confusion_degree(head_sizes):
    """Eq. 15 as it is written."""
    degrees = []
    for order in itertools.permutations(head_sizes):
        degree = Fraction(1)
        for h in range(1, len(order)):
            degree *= Fraction(math.prod(order[h:]), order[h - 1])
        degrees.append(degree)
    return float(max(degrees))


def reference_lengths(num_labels, num_heads):
    """All descending lengths from 2 whose first is as short as the others allow."""
    for lengths in itertools.combinations_with_replacement(range(num_labels, 1, -1), num_heads):
        others = math.prod(lengths[1:])
        if (lengths[0] - 1) * others < num_labels <= lengths[0] * others:
            yield lengths


def recommended(plans, name):
    (found,) = [p for p in plans if name in p.recommended_for]
    return found


# --- the candidates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_heads", [2, 3])
def test_the_candidates_for_few_labels_are_all_factorisations(num_heads):
    for num_labels in range(2 ** (num_heads - 1) + 1, 61):
        expected = sorted(reference_lengths(num_labels, num_heads))
        assert sorted(p.head_sizes for p in plan(num_labels, num_heads=num_heads)) == expected, num_labels


@pytest.mark.parametrize("num_labels", [3956, 13330, 2812281])
def test_two_heads_have_a_candidate_for_every_last_length_to_the_root(num_labels):
    first_of = {p.head_sizes[1]: p.head_sizes[0] for p in plan(num_labels)}
    for last in range(2, math.isqrt(num_labels) + 1):
        assert first_of[last] == -(-num_labels // last)


@pytest.mark.parametrize(("num_labels", "num_heads"), [(10**7, 3), (10**7, 4), (2**31 - 1, 5), (10**6, 12)])
def test_a_sample_of_many_candidates_is_of_distinct_descending_lengths_that_name_every_label(num_labels, num_heads):
    plans = plan(num_labels, num_heads=num_heads)
    assert 1 < len({p.head_sizes for p in plans}) == len(plans) <= planner.SEARCHED
    for p in plans:
        assert len(p.head_sizes) == num_heads
        assert sorted(p.head_sizes, reverse=True) == list(p.head_sizes)
        assert min(p.head_sizes) >= 2
        others = math.prod(p.head_sizes[1:])
        assert (p.head_sizes[0] - 1) * others < num_labels <= p.head_sizes[0] * others


@pytest.mark.parametrize("num_heads", [3, 4])
def test_a_sample_keeps_the_plan_for_mhp(monkeypatch, num_heads):
    everything = plan(40_000, num_heads=num_heads)
    monkeypatch.setattr(planner, "SEARCHED", 500)
    sample = plan(40_000, num_heads=num_heads)
    assert len(sample) <= 500 < len(everything)
    assert {p.head_sizes for p in sample} < {p.head_sizes for p in everything}
    assert sample[0].head_sizes == everything[0].head_sizes


def test_four_heads_for_ten_million_labels_are_searched_among_few_candidates(monkeypatch):
    measured = []
    measure = planner._measure
    monkeypatch.setattr(planner, "_measure", lambda *args: measured.append(args) or measure(*args))
    plan(10**7, num_heads=4)
    assert len(measured) <= planner.SEARCHED


def test_one_head_has_one_candidate_which_is_best_for_all():
    for num_labels in (1, 2, 7):
        (only,) = plan(num_labels, num_heads=1)
        assert (only.head_sizes, only.padding, only.confusion_degree) == ((num_labels,), 0, 1)
        assert (only.approximation_steps, only.recommended_for) == (0, ("mhp", "mhc"))
        assert only.mhp_parameters == only.mhc_parameters == only.mhc_scores == num_labels


# --- the figures ------------------------------------------------------------------------------------------------------


def test_the_confusion_degree_of_two_heads_is_the_longer_over_the_shorter():
    assert confusion_degree((172, 23)) == confusion_degree((23, 172)) == 172 / 23
    assert confusion_degree((50, 50)) == 1


# Ascending 2, 3, 5: (3 * 5 / 2) * (5 / 3) = 12.5; any other order gives less, as 5, 3, 2: (3 * 2 / 5) * (2 / 3) = 0.8
def test_the_confusion_degree_of_three_heads_is_that_found_by_hand():
    assert confusion_degree((5, 3, 2)) == 12.5
    assert confusion_degree((4, 4, 4)) == 4


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4, 5])
def test_the_confusion_degree_agrees_with_the_equation_over_all_orders(rng, num_heads):
    for head_sizes in rng.integers(1, 40, (50, num_heads)).tolist():
        assert confusion_degree(head_sizes) == reference_confusion_degree(head_sizes)


@pytest.mark.parametrize(("num_labels", "num_heads"), [(7, 1), (60, 2), (3956, 2), (60, 3), (1000, 3), (60, 4)])
def test_every_figure_agrees_with_plain_loops_and_the_label_code(num_labels, num_heads):
    for p in plan(num_labels, num_heads=num_heads, dim=5, beam=3):
        code = LabelCode(np.arange(num_labels, dtype=np.int32), p.head_sizes)
        assert p.padding == math.prod(p.head_sizes) - num_labels
        assert p.confusion_degree == reference_confusion_degree(p.head_sizes)
        assert p.approximation_steps == num_heads - 1
        assert p.mhp_parameters == 5 * sum(p.head_sizes)
        assert p.mhc_parameters == 5 * sum(code.num_prefixes(h) for h in range(1, num_heads + 1))
        assert p.mhc_scores == sum(min(3, code.num_prefixes(h)) * p.head_sizes[h] for h in range(num_heads))


# Eurlex-4K: 172 + 23 vectors for MHP; 172 groups and 3,956 labels for MHC, which scores 172 groups and 10 * 23 labels
def test_the_figures_of_eurlex_are_those_found_by_hand():
    found = recommended(plan(3956, dim=768), "mhc")
    assert (found.head_sizes, found.padding, found.published_for) == ((172, 23), 0, "Eurlex-4K")
    assert (found.mhp_parameters, found.mhc_parameters, found.mhc_scores) == (768 * 195, 768 * 4128, 402)


def test_parameters_without_dim_are_counted_in_vectors():
    for vectors, weights in zip(plan(566), plan(566, dim=300), strict=True):
        assert (300 * vectors.mhp_parameters, 300 * vectors.mhc_parameters) == (
            weights.mhp_parameters,
            weights.mhc_parameters,
        )


# --- the recommendations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_heads", [2, 3])
def test_the_plan_for_mhp_has_the_smallest_confusion_degree_then_padding_then_parameters(num_heads):
    for num_labels in range(2 ** (num_heads - 1) + 1, 61):
        plans = plan(num_labels, num_heads=num_heads)
        best = min(
            reference_lengths(num_labels, num_heads),
            key=lambda lengths: (reference_confusion_degree(lengths), math.prod(lengths), sum(lengths)),
        )
        assert recommended(plans, "mhp").head_sizes == plans[0].head_sizes == best, num_labels


@pytest.mark.parametrize(("num_labels", "num_heads"), [(1000, 2), (10**6, 2), (10**6, 3), (2**20, 4)])
def test_the_plan_for_mhp_has_lengths_about_equal(num_labels, num_heads):
    head_sizes = recommended(plan(num_labels, num_heads=num_heads), "mhp").head_sizes
    assert head_sizes[0] - head_sizes[-1] <= 1
    assert abs(head_sizes[0] - num_labels ** (1 / num_heads)) <= 1


@pytest.mark.parametrize("num_heads", [2, 3])
@pytest.mark.parametrize("beam", [1, 4, 100])
def test_the_plan_for_mhc_has_the_least_padding_of_those_with_few_scores(num_heads, beam):
    for num_labels in range(2 ** (num_heads - 1) + 1, 200, 7):
        plans = plan(num_labels, num_heads=num_heads, beam=beam)
        found, fewest = recommended(plans, "mhc"), min(p.mhc_scores for p in plans)
        assert found.mhc_scores <= planner.MHC_SLACK * fewest
        for p in plans:
            if p.mhc_scores <= planner.MHC_SLACK * fewest:
                assert (found.padding, found.mhc_scores, found.confusion_degree) <= (
                    p.padding,
                    p.mhc_scores,
                    p.confusion_degree,
                )


@pytest.mark.parametrize(("data_set", "num_labels"), PUBLISHED)
def test_the_published_lengths_are_candidates_and_shown(data_set, num_labels):
    head_sizes = PUBLISHED[data_set, num_labels]
    assert math.prod(head_sizes) - num_labels == (69 if data_set == "Amazon-670K" else 0)
    plans = plan(num_labels)
    (found,) = [p for p in plans if p.head_sizes == head_sizes]
    assert [p for p in plans if p.published_for] == [found]
    assert found.published_for == data_set
    assert found in best_of_each_ratio(plans)


@pytest.mark.parametrize(("data_set", "num_labels"), [key for key in PUBLISHED if key[0] in PUBLISHED_BEAMS])
def test_the_plan_for_mhc_is_the_published_one_at_the_published_beam(data_set, num_labels):
    plans = plan(num_labels, beam=PUBLISHED_BEAMS[data_set])
    assert recommended(plans, "mhc").head_sizes == PUBLISHED[data_set, num_labels]


# 172 * 23 = 3,956: these lengths cannot name the 3,993 labels that Eurlex-4K has with those of its test part
def test_the_published_lengths_of_eurlex_grow_for_more_labels():
    lengths = [p.head_sizes for p in plan(3993)]
    assert (172, 23) not in lengths
    assert (174, 23) in lengths


def test_the_best_of_each_ratio_are_few_in_order_and_have_the_recommended():
    for num_labels, num_heads in [(1, 1), (3, 2), (64, 3), (2812281, 2), (10**6, 4)]:
        plans = plan(num_labels, num_heads=num_heads)
        shown = best_of_each_ratio(plans)
        kept = {p.head_sizes for p in shown}
        assert shown == [p for p in plans if p.head_sizes in kept]
        assert {name for p in shown for name in p.recommended_for} == {"mhp", "mhc"}
        assert len(shown) <= 15


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num_labels", "options", "message"),
    [
        (0, {}, r"num_labels must be a whole number from 1 to 2147483647\. Got 0; choose another\."),
        (2**31, {}, r"num_labels must be a whole number from 1 to 2147483647\. Got 2147483648; "),
        (9.5, {}, r"num_labels must be a whole number from 1 to 2147483647\. Got 9\.5; "),
        (True, {}, r"num_labels must be .*\. Got True; "),
        (9, {"num_heads": 0}, r"num_heads must be a whole number from 1\. Got 0; choose another\."),
        (9, {"dim": 0}, r"dim must be a whole number from 1\. Got 0; "),
        (9, {"beam": 0}, r"beam must be a whole number from 1\. Got 0; "),
        (9, {"num_heads": 5}, r"num_heads must be 1 to 4 for num_labels=9, .*\. Got 5; use fewer heads\."),
        (8, {"num_heads": 4}, r"num_heads must be 1 to 3 for num_labels=8, .*\. Got 4; "),
        (2, {}, r"num_heads must be 1 to 1 for num_labels=2, .*\. Got 2; "),
        (1, {}, r"num_heads must be 1 to 1 for num_labels=1, .*\. Got 2; "),
    ],
)
def test_arguments_out_of_range_are_refused(num_labels, options, message):
    with pytest.raises(ValueError, match=message):
        plan(num_labels, **options)


@pytest.mark.parametrize("num_labels", [*range(1, 40), 2**31 - 1])
def test_the_most_heads_allowed_have_a_candidate(num_labels):
    most = max(h for h in range(1, 33) if h == 1 or 2 ** (h - 1) < num_labels)
    assert plan(num_labels, num_heads=most)
    with pytest.raises(ValueError, match=f"num_heads must be 1 to {most} "):
        plan(num_labels, num_heads=most + 1)


def test_numbers_of_numpy_give_the_same_plans_as_those_of_python():
    assert plan(np.int32(70_000), num_heads=np.int64(3), dim=np.int16(300), beam=np.int8(9)) == plan(
        70_000, num_heads=3, dim=300, beam=9
    )
