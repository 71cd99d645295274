"""What the state of a ranking stage must be: checked before it is built, as its kernels check no bounds."""

from typing import Any

import numpy as np

from ..linear.scorer import NUM_LEVELS, label_dtype
from ..state import Fields, Rule, array, ascends, choice, flag, items, mapping, number, part, with_prefix
from .first_words import FirstWords
from .network import HIDDEN
from .stage import EVIDENCE

COLUMNS = {"margins": 6, "frequency": 2, "cooccurrence": 2, "names": 3}  # those of neighbours depend on the features


def ranking_fields(state: dict[str, Any], *, num_labels: int, num_features: int, num_dense: int) -> Fields:
    """Yield what the entries of a stage must be; sparse features have num_features columns, dense ones num_dense."""
    yield "kinds", items(choice(EVIDENCE), rule=("each once", lambda kinds: len(set(kinds)) == len(kinds)))
    yield "is_network", flag()
    num_columns = 0
    for kind in state["kinds"]:
        num_columns += COLUMNS.get(kind, 0)
        own = part(state, f"{kind}.")
        if kind == "frequency":
            yield "frequency.log_counts", array("float32", (num_labels,), least=0)
        elif kind == "cooccurrence":
            yield from with_prefix("cooccurrence.", _rows(own, num_labels, "labels", "int32", num_labels))
            yield "cooccurrence.shares", array("uint8", (len(own["labels"]),))
        elif kind == "names":
            yield "names.num_words", choice((num_features,))
            yield from with_prefix("names.", _rows(own, num_labels, "words", "int32", num_features))
            yield "names.weights", array("float32", (len(own["words"]),))
        elif kind == "neighbours":
            sizes = {"num_labels": num_labels, "num_features": num_features, "num_dense": num_dense}
            num_columns += yield from with_prefix("neighbours.", _neighbour_fields(own, **sizes))
    if state["is_network"]:
        yield from with_prefix("model.", _network_fields(part(state, "model."), num_columns))
    else:
        yield "model.slope", number()
        for name in ("model.intercept", "model.decay"):
            yield name, number(least=-1e6, most=1e6)
    if any(name.startswith("thresholds.") for name in state):
        yield "thresholds.micro_f1", number(most=1)
        yield "thresholds.macro_f1", array("float32", (num_labels,), least=0, most=1)
        yield "thresholds.no_label_factor", number()
        yield "thresholds.precisions", array("float64", (2, None), least=0, most=1)


def _pointers(num_rows: int | None) -> Any:
    rule: Rule = ("ascending from 0", lambda indptr: len(indptr) > 0 and indptr[0] == 0 and ascends(indptr))
    return array("int32 or int64", (None if num_rows is None else num_rows + 1,), least=0, rule=rule)


def _rows(state: dict[str, Any], num_rows: int | None, name: str, dtype: str, num_columns: int) -> Fields:
    """Yield the row pointers and the columns of a CSR."""
    yield "indptr", _pointers(num_rows)
    yield name, array(dtype, (int(state["indptr"][-1]),), least=0, most=num_columns - 1)


def _neighbour_fields(state: dict[str, Any], *, num_labels: int, num_features: int, num_dense: int) -> Fields:
    columns = {"words": num_features, "dense": num_dense}
    yield "num_labels", choice((num_labels,))
    yield from _rows(state, None, "labels", np.dtype(label_dtype(num_labels)).name, num_labels)
    num_docs = len(state["indptr"]) - 1
    yield "blocks", mapping(columns)
    for block, num_columns in state["blocks"].items():
        yield "blocks", mapping(columns) if num_columns == columns[block] else choice((columns,))
        if block == "words":
            yield "words.num_docs", choice((num_docs,))
            yield "words.indptr", _pointers(num_columns)
            num_entries = int(state["words.indptr"][-1])
            yield "words.docs", array(np.dtype(label_dtype(num_docs)).name, (num_entries,), least=0, most=num_docs - 1)
            yield "words.codes", array("uint8", (num_entries,))
            yield "words.levels", array("float32", (2 * NUM_LEVELS,))
        else:
            yield "dense.codes", array("int8", (num_docs, num_columns))
            yield "dense.scales", array("float32", (num_docs,))
    if first_words := part(state, "first_words."):
        yield from with_prefix("first_words.", FirstWords.state_fields(first_words, num_docs=num_docs))
    return 2 * len(state["blocks"])


def _network_fields(state: dict[str, Any], num_columns: int) -> Fields:
    first, second = HIDDEN
    yield "mean", array("float32", (num_columns,))
    rule: Rule = ("not 0", lambda scale: bool((scale != 0).all()))
    yield "scale", array("float32", (num_columns,), rule=rule)
    yield "W1", array("float32", (None, num_columns, first))
    num_networks = len(state["W1"])
    yield "b1", array("float32", (num_networks, first))
    yield "W2", array("float32", (num_networks, first, second))
    yield "b2", array("float32", (num_networks, second))
    yield "W3", array("float32", (num_networks, second, 1))
    yield "b3", array("float32", (num_networks, 1))
