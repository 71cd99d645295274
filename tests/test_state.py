import math

import numpy as np
import pytest

from xmlc_mhe import state as state_module
from xmlc_mhe.errors import DataError
from xmlc_mhe.state import (
    array,
    ascends,
    check_state,
    choice,
    flag,
    is_permutation,
    items,
    mapping,
    number,
    optional,
    part,
    text,
    whole,
    with_prefix,
    words,
)

ONES = np.ones(3, np.float32)
VALUES = [None, True, 0, 1, 2**63, 0.5, math.nan, math.inf, "", "a", [], ["a"], ["a", "a"], [1], [True], {}, {"a": 1}]
VALUES += [ONES, ONES.astype(int), ONES[None], ONES * np.nan, np.ones((), np.float32), ONES[:0]]


def values_of(field):
    return [value for value in VALUES if field.holds(value)]


def same(values, expected):
    return [repr(value) for value in values] == [repr(value) for value in expected]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (whole(0, 1), [0, 1]),
        (whole(1, 2**63), [1, 2**63]),
        (number(), [0, 1, 2**63, 0.5]),
        (number(0.5, 1), [1, 0.5]),
        (choice((1, "a")), [1, "a"]),
        (flag(), [True]),
        (text(), ["", "a"]),
        (words(), [["a"], ["a", "a"]]),
        (words(distinct=True), [["a"]]),
        (items(whole()), [[], [1]]),
        (items(text(), least=2, most=2), [["a", "a"]]),
        (items(text(), rule=("of one", lambda names: len(set(names)) == 1)), [["a"], ["a", "a"]]),
        (mapping(), [{}, {"a": 1}]),
        (mapping(("b",)), [{}]),
        (optional(whole()), [None, 1]),
        (array("float32", (3,)), [ONES]),
        (array("float32", (None,)), [ONES, ONES[:0]]),
        (array("float32", ()), [np.ones((), np.float32)]),
        (array("float32", None, finite=False), [ONES, ONES[None], ONES * np.nan, np.ones((), np.float32), ONES[:0]]),
        (array("int64 or float32", (3,)), [ONES, ONES.astype(int)]),
        (array("int64", (3,), least=2), []),
        (array("int64", (3,), most=0), []),
        (array("int64", (3,), least=1, most=1), [ONES.astype(int)]),
        (array("float32", (3,), rule=("of zeros", lambda values: not values.any())), []),
    ],
)
def test_a_field_takes_the_values_that_it_says_and_no_others(field, expected):
    assert same(values_of(field), expected)


def test_a_permutation_has_each_number_once_and_pointers_never_fall():
    assert [is_permutation(np.array(order, np.int32)) for order in ([2, 0, 1], [0, 0, 2], [], [0])] == [1, 0, 1, 1]
    assert [ascends(np.array(pointers)) for pointers in ([0, 0, 3], [0, 2, 1], [5], [])] == [1, 0, 1, 1]


def fields(state):
    yield "width", whole(1, 9)
    yield from with_prefix("head.", fields_of_head(part(state, "head."), width=state["width"]))
    return "done"


def fields_of_head(state, *, width):
    yield "bias", array("float32", (width,))


def test_a_state_that_is_as_declared_gives_what_the_declaration_returns():
    assert check_state({"width": 3, "head.bias": ONES}, fields({"width": 3, "head.bias": ONES}), place="m") == "done"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 10}, r"^m: width must be a whole number from 1 to 9\. Got 10; fit the model again\.$"),
        ({"width": "x\n" * 999}, r"^m: width must be a whole number from 1 to 9\. Got 'x.{,100}\.\.\.; fit "),
        ({"width": [[]] * 999}, r"^m: width must be .* Got a list of length 999; fit the model again\.$"),
        ({"width": 2}, r"^m: head\.bias must be an array of float32 of shape \(2\), finite\. Got an array of "),
        ({"head.bias": ONES * np.inf}, r"^m: head\.bias must be .*finite\. Got .* of shape \(3\) from inf to inf; "),
        ({"head.bias": None}, r"^m: head\.bias must be .*finite\. Got None; fit "),
        ({"x\n" * 999: 1}, r"^m: a model of this version must have no entry 'x x .*\.\.\.'\. Got one; "),
    ],
)  # fmt: skip
def test_a_state_that_is_not_as_declared_is_refused_in_one_line(changes, message):
    state = {"width": 3, "head.bias": ONES} | changes
    with pytest.raises(DataError, match=message):
        check_state(state, fields(state), place="m")


@pytest.mark.parametrize("name", ["width", "head.bias"])
def test_an_entry_that_is_missing_is_named(name):
    state = {"width": 3, "head.bias": ONES}
    del state[name]
    with pytest.raises(DataError, match=rf"^m: {name} must be .*\. Got nothing; fit the model again\.$"):
        check_state(state, fields(state), place="m")


def test_a_declaration_sees_only_entries_that_were_checked():
    seen = []

    def greedy(state):
        yield "first", whole()
        seen.append(state["first"])
        yield "second", whole()

    with pytest.raises(DataError, match="first"):
        check_state({"first": "x", "second": 1}, greedy({"first": "x", "second": 1}), place="m")
    assert seen == []


def test_the_range_of_an_array_is_found_without_a_copy_of_it(monkeypatch):
    calls = []
    monkeypatch.setattr(state_module, "_range", lambda array: calls.append(array) or (0.0, 1.0))
    array("uint8", (3,)).holds(np.ones(3, np.uint8))
    assert calls == []  # every uint8 will do
    array("uint8", (3,), most=5).holds(np.ones(3, np.uint8))
    assert len(calls) == 1
