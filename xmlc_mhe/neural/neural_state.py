"""What the state of a neural head must be: checked before memory is taken for its tensors."""

from collections.abc import Callable
from typing import Any

from torch import nn

from ..codes.label_code import order_field
from ..errors import data_error_of
from ..features.shapes import tensor_fields, without_memory
from ..state import MOST_LENGTH, Fields, choice, mapping, optional, whole, with_prefix
from .heads import HEADS


class SizeOnly(nn.Module):
    """In place of an encoder where nothing but the length of its features, dim, is asked for."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim


def neural_fields(
    state: dict[str, Any],
    build: Callable[[nn.Module | None], Any],
    *,
    num_labels: int,
    num_features: int,
    num_dense: int,
    head_class: Any = None,
) -> Fields:
    """Yield what the entries of a `NeuralHead`'s state must be.

    Args:
        build: returns the head with the options of the state, its tensors new, on an encoder or on None; the tensors
            of the state must be like those, which are built without memory.
        head_class: the class of a head of your own; None: one of HEADS.
    """
    is_on_encoder = num_features == 0
    yield "name", choice(HEADS if head_class is None else (head_class.name,))
    yield "options", mapping()
    yield "dim", choice((None,)) if is_on_encoder else optional(whole(1, MOST_LENGTH))
    yield "hidden", choice((None,) if is_on_encoder else (None, True, False))
    yield "kind", choice(("encoder",) if is_on_encoder else ("bag", "linear", "none"))
    yield "num_features", choice((num_features or num_dense,))
    yield "num_labels", choice((num_labels,))
    encoder = SizeOnly(num_dense) if is_on_encoder else None
    with data_error_of("head.options must be those of the head", "fit the model again"):
        head = without_memory(lambda: build(encoder), or_with=head_class is not None)
    if head.orders_labels:
        yield "order", order_field(num_labels)
    yield from with_prefix("module.", tensor_fields(head.model.head))
    if encoder is None:
        yield from with_prefix("body.", tensor_fields(head.model.body))
