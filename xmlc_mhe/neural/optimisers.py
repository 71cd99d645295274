"""Optimisers: AdamW for dense gradients, Adam or Adagrad with one number a label for the sparse ones of tables."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

ROWS = "labels_per_row"  # attribute of a table's weight: how many labels a row holds, each with a number of its own


class RowAdagrad(torch.optim.Optimizer):
    """Adagrad of tables with sparse gradients, whose state is one number a label, not one or two a weight.

    A row of the table holds labels_per_row labels, one after the other. With g the gradient of a label's weights,
    s += mean(g^2), w -= learning rate * g / (sqrt(s) + eps). Rows without a gradient are neither read nor written; a
    step uses the gradient up.
    """

    def __init__(self, params: list[Tensor], lr: float, *, eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                state, num_labels = self.state[param], getattr(param, ROWS)
                if not state:
                    state["sum"] = param.new_zeros((len(param), num_labels))
                rows, values = _coalesced(param.grad)
                values = values.unflatten(1, (num_labels, -1))  # (U, C, D)
                sums = state["sum"][rows] + torch.linalg.vector_norm(values, dim=2).square() / values.shape[2]  # (U, C)
                state["sum"][rows] = sums
                values.div_((sums.sqrt() + group["eps"]).unsqueeze(2))  # in place: large, and of no use afterwards
                param.index_add_(0, rows, values.flatten(1), alpha=-group["lr"])


def _coalesced(grad: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows (U,) of a sparse gradient, ascending, and their values; spares the copy where they are that."""
    rows = grad._indices()[0]
    if (rows[1:] > rows[:-1]).all():
        return rows, grad._values()
    grad = grad.coalesce()
    return grad.indices()[0], grad.values()


def optimisers_of(
    model: nn.Module,
    learning_rate: float,
    *,
    table_learning_rate: float = 0.05,
    encoder: nn.Module | None = None,
    encoder_learning_rate: float = 0.0,
    weight_decay: float = 0.0,
) -> list[torch.optim.Optimizer]:
    """Return AdamW for the parameters with dense gradients, and for tables RowAdagrad or SparseAdam.

    Args:
        model: with the encoder in it.
        table_learning_rate: of RowAdagrad, whose steps shrink with the number of updates; learning_rate is that of the
            others.
        encoder, encoder_learning_rate, weight_decay: a part of the model with a learning rate of its own, and the
            weight decay of its matrices; its vectors (biases, scales of layers) and the other parts have none.
    """
    tables = {
        id(module.weight): module.weight
        for module in model.modules()
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.sparse
    }
    of_encoder = {id(param) for param in encoder.parameters()} if encoder is not None else set()
    dense = [param for param in model.parameters() if id(param) not in tables and param.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [param for param in dense if id(param) not in of_encoder], "lr": learning_rate}
    ]
    for is_matrix, decay in ((True, weight_decay), (False, 0.0)):
        params = [param for param in dense if id(param) in of_encoder and (param.ndim > 1) == is_matrix]
        groups.append({"params": params, "lr": encoder_learning_rate, "weight_decay": decay})
    by_row = [weight for weight in tables.values() if hasattr(weight, ROWS)]
    others = [weight for weight in tables.values() if not hasattr(weight, ROWS)]
    optimisers: list[torch.optim.Optimizer] = []
    if groups := [group for group in groups if group["params"]]:
        optimisers.append(torch.optim.AdamW(groups, weight_decay=0.0))
    if by_row:
        optimisers.append(RowAdagrad(by_row, lr=table_learning_rate))
    if others:
        optimisers.append(torch.optim.SparseAdam(others, lr=learning_rate))
    return optimisers


def table(weight: Tensor, *, labels_per_row: int | None = None) -> nn.Embedding:
    """Return a learned table with sparse gradients; with labels_per_row, RowAdagrad learns it, else SparseAdam."""
    embedding = nn.Embedding.from_pretrained(weight, freeze=False, sparse=True)
    if labels_per_row is not None:
        setattr(embedding.weight, ROWS, labels_per_row)
    return embedding
