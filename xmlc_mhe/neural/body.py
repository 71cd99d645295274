"""Bodies: modules that turn documents into the features of a head."""

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, issparse
from torch import Tensor, nn


class Body(nn.Module):
    """Rows of X (CSR or dense) to features (B, dim).

    Args:
        kind: "bag", the sum of a vector a feature times its value, for sparse X; "linear", W x + b; "none", x itself.
        is_signed: without the ReLU after the first two.
    """

    def __init__(self, kind: str, num_features: int, dim: int, *, is_signed: bool) -> None:
        super().__init__()
        self.kind, self.is_signed = kind, is_signed
        self.bag = self.linear = None
        if kind == "bag":  # rows of unit length get features of about unit length
            vectors = torch.randn(num_features, dim) * dim**-0.5
            self.bag = nn.EmbeddingBag.from_pretrained(vectors, freeze=False, mode="sum", sparse=True)
        elif kind == "linear":
            self.linear = nn.Linear(num_features, dim)

    def forward(self, X: Any) -> Tensor:
        """Return the features (B, dim) of the rows of X, float32."""
        if self.bag is not None:
            X, device = csr_array(X), self.bag.weight.device
            places = (torch.tensor(array, dtype=torch.int64, device=device) for array in (X.indices, X.indptr[:-1]))
            features = self.bag(*places, per_sample_weights=torch.tensor(X.data, dtype=torch.float32, device=device))
        else:
            features = torch.tensor(X.toarray() if issparse(X) else np.asarray(X), dtype=torch.float32)
            if self.linear is None:
                return features
            features = self.linear(features.to(self.linear.weight.device))
        return features if self.is_signed else features.relu()


class HeadOnBody(nn.Module):
    """A body, with a head on it; called, it returns the head's loss."""

    head: Any  # an nn.Module whose `loss` and `top_k` the type of a module does not know

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    @property
    def device(self) -> torch.device:
        tensors = (*self.head.parameters(), *self.head.buffers(), *self.body.parameters())
        return tensors[0].device

    def features(self, documents: Any) -> Tensor:
        """Return the features (B, dim) of documents that `pick` gave."""
        return self.body(documents).to(self.device)

    def forward(self, documents: Any, labels: Tensor) -> Tensor:
        return self.head.loss(self.features(documents), labels.to(self.device))
