"""The one training loop: a body from rows of X to features, a head on it, Adam, batches shuffled by the seed."""

import contextlib
import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, issparse
from torch import Tensor, nn

from ..decoding import Predictions, concatenate_predictions, empty_predictions
from ..progress import track
from .heads import HEADS
from .options import check_above_zero, check_whole

SPARSE_BELOW = 0.25  # share of stored entries of X up to which the body reads the stored entries alone
DEFAULT_DIM = 256
PREDICT_DOCS = 512  # documents whose features exist at a time in prediction
NOT_OPTIONS = {"self", "num_labels", "dim", "module_class", "options", "head_sizes", "seed", "threads"}


class Body(nn.Module):
    """Rows of X (CSR or dense) to features (B, dim).

    Args:
        kind: "bag", the sum of a vector a feature times its value, for sparse X; "linear", W x + b; "none", x itself.
        is_signed: without the ReLU after the first two.
    """

    def __init__(self, kind: str, num_features: int, dim: int, *, is_signed: bool) -> None:
        super().__init__()
        self.is_signed = is_signed
        self.bag = self.linear = None
        if kind == "bag":  # rows of unit length get features of about unit length
            vectors = torch.randn(num_features, dim) * dim**-0.5
            self.bag = nn.EmbeddingBag.from_pretrained(vectors, freeze=False, mode="sum", sparse=True)
        elif kind == "linear":
            self.linear = nn.Linear(num_features, dim)

    def forward(self, X: Any) -> Tensor:
        """Return the features (B, dim) of the rows of X, float32."""
        if self.bag is not None:
            X = csr_array(X)
            places = (torch.tensor(array, dtype=torch.int64) for array in (X.indices, X.indptr[:-1]))
            features = self.bag(*places, per_sample_weights=torch.tensor(X.data, dtype=torch.float32))
        else:
            features = torch.tensor(X.toarray() if issparse(X) else np.asarray(X), dtype=torch.float32)
            if self.linear is None:
                return features
            features = self.linear(features)
        return features if self.is_signed else features.relu()


class NeuralHead:
    """A neural head with the contract of the linear ones: fit, top_k, state, from_state, describe.

    The body is learned with the head: see `Body`. The same seed gives the same model with the same number of threads.

    Args:
        module_class: a value of HEADS.
        options: of the module.
        dim: length of the features; None: 256, or the columns of X where the body is "none".
        hidden: True: X goes through a learned layer and a ReLU. False: as it is. None: through a layer where fewer than
            a quarter of X's entries are stored, where dim is given, or where the head itself learns nothing.
        epochs: passes over the documents.
        batch_size: documents of a step.
        learning_rate: of Adam; of SparseAdam where gradients are sparse.
        seed: of the first weights and of the order of documents.
        threads: of a fit; prediction takes one, as `XMLCClassifier` predicts several batches at a time.
    """

    def __init__(
        self,
        module_class: Any,
        *,
        options: dict[str, Any] | None = None,
        dim: int | None = None,
        hidden: bool | None = None,
        epochs: int = 20,
        batch_size: int = 64,
        learning_rate: float = 0.003,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        if dim is not None:
            check_whole("dim", dim)
        if hidden is not None and not isinstance(hidden, bool):
            raise ValueError(f"hidden must be None, True or False. Got {hidden!r}; choose one.")
        check_whole("epochs", epochs)
        check_whole("batch_size", batch_size)
        check_above_zero("learning_rate", learning_rate)
        self.module_class, self.name = module_class, module_class.name
        self.options = dict(options or {})
        self.dim, self.hidden = dim, hidden
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.seed, self.threads = seed, threads

    @classmethod
    def from_options(
        cls,
        name: str,
        head_options: dict[str, Any] | None,
        *,
        head_sizes: Sequence[int] | None = None,
        seed: int = 0,
        threads: int = 1,
    ) -> "NeuralHead":
        """Return the head of this name with options of the training and of the module in one dict.

        Raises: ValueError: an option that the head has not; ImportError: no torch.
        """
        module_class = HEADS[name]
        of_module, of_training = _option_names(module_class.__init__), _option_names(cls.__init__)
        head_options = dict(head_options or {})
        check_option_names(name, head_options, [*of_training, *of_module])
        options = {option: value for option, value in head_options.items() if option in of_module}
        training = {option: value for option, value in head_options.items() if option in of_training}
        if head_sizes is not None:
            if "head_sizes" not in inspect.signature(module_class.__init__).parameters:
                raise ValueError(f'head_sizes must be None for head "{name}". Got {head_sizes!r}; leave them out.')
            options["head_sizes"] = tuple(head_sizes)
        return cls(module_class, options=options, seed=seed, threads=threads, **training)

    def fit(self, X: Any, Y: csr_array) -> "NeuralHead":
        """Train on X (num_docs, num_features), CSR or dense, and CSR Y (num_docs, num_labels).

        Raises: ValueError: a head that takes one label a document gets another number; the loss is not finite.
        """
        self._build(self._choose_body(X), X.shape[1], Y.shape[1])
        if not self.module.takes_many_labels:
            self._check_one_label(Y)
        model = nn.ModuleList([self.body, self.module]).train()
        with _threads(self.threads):
            optimisers = optimisers_of(model, self.learning_rate)
            for epoch, step, docs in track(self._batches(X.shape[0]), total=self._num_steps(X), title=self.name):
                for optimiser in optimisers:
                    optimiser.zero_grad()
                loss = self.module.loss(self.body(X[docs]), self._labels(Y, docs))
                if not math.isfinite(loss.item()):
                    raise ValueError(
                        f"the loss must stay finite. Got {loss.item()} in epoch {epoch}, step {step}; lower "
                        f"learning_rate={self.learning_rate:g}, or scale the features."
                    )
                loss.backward()
                for optimiser in optimisers:
                    optimiser.step()
        model.eval().requires_grad_(False)
        return self

    @torch.inference_mode()
    def top_k(self, X: Any, k: int) -> Predictions:
        """Return the k best labels of each row of X; scores are the head's, see its `top_k`."""
        batches = [empty_predictions(0, k)]
        with _threads(1):
            for start in range(0, X.shape[0], PREDICT_DOCS):
                labels, scores = self.module.top_k(self.body(X[start : start + PREDICT_DOCS]), k)
                batches.append(Predictions(labels.numpy().astype(np.int32), scores.numpy().astype(np.float32)))
        return concatenate_predictions(batches)

    def describe(self) -> str:
        """Return one line for people: what was built."""
        num_parameters = sum(tensor.numel() for part in (self.body, self.module) for tensor in part.parameters())
        body = {"bag": "a bag of vectors", "linear": "a layer", "none": "the features as they are"}[self.kind]
        return f"head {self.name} on {body}, {num_parameters:,} parameters"

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values and arrays."""
        state: dict[str, Any] = {"name": self.name, "options": self.options, "dim": self.dim, "hidden": self.hidden}
        state |= {"kind": self.kind, "num_features": self.num_features, "num_labels": self.num_labels}
        for part in ("body", "module"):
            tensors = getattr(self, part).state_dict()
            state |= {f"{part}.{name}": tensor.numpy() for name, tensor in tensors.items()}
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "NeuralHead":
        """Return the trained head whose `state` this is."""
        options = {name: tuple(value) if isinstance(value, list) else value for name, value in state["options"].items()}
        head = cls(HEADS[state["name"]], options=options, dim=state["dim"], hidden=state["hidden"])
        head._build(state["kind"], state["num_features"], state["num_labels"])
        for part in (head.body, head.module):
            prefix = "body." if part is head.body else "module."
            names = part.state_dict().keys()
            part.load_state_dict({name: torch.tensor(state[prefix + name]) for name in names})
            part.eval().requires_grad_(False)
        return head

    def _choose_body(self, X: Any) -> str:
        is_sparse = issparse(X) and X.nnz < SPARSE_BELOW * X.shape[0] * X.shape[1]
        is_fixed = self.module_class.is_fixed
        hidden = is_sparse or self.dim is not None or is_fixed if self.hidden is None else self.hidden
        if is_fixed and not hidden:
            raise ValueError(
                f'hidden must be None or True for head "{self.name}", which learns nothing itself. Got False; leave it '
                "out."
            )
        if not hidden and self.dim is not None:
            raise ValueError(f"dim must be None with hidden=False. Got {self.dim}; leave it out.")
        return ("bag" if is_sparse else "linear") if hidden else "none"

    def _build(self, kind: str, num_features: int, num_labels: int) -> None:
        self.kind, self.num_features, self.num_labels = kind, num_features, num_labels
        dim = num_features if kind == "none" else self.dim or DEFAULT_DIM
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.body = Body(kind, num_features, dim, is_signed=self.module_class.is_fixed)
            self.module = self.module_class(num_labels, dim, **self.options)

    def _check_one_label(self, Y: csr_array) -> None:
        counts = np.diff(Y.indptr)
        if (counts != 1).any():
            doc = int(np.argmax(counts != 1))
            mend = 'use head="mhc" or head="vanilla" for several' if counts[doc] else "leave such documents out"
            raise ValueError(
                f'head "{self.name}" takes one label a document. Got {counts[doc]} in document {doc}; {mend}.'
            )

    def _num_steps(self, X: Any) -> int:
        return self.epochs * -(-X.shape[0] // self.batch_size)

    def _batches(self, num_docs: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield the epoch and the step in it, both from 1, and the documents of each batch."""
        generator = torch.Generator().manual_seed(self.seed)
        for epoch in range(1, self.epochs + 1):
            order = torch.randperm(num_docs, generator=generator)
            for step, docs in enumerate(order.split(self.batch_size), start=1):
                yield epoch, step, docs.numpy()

    def _labels(self, Y: csr_array, docs: np.ndarray) -> Tensor:
        """Return the true labels of documents, int64 (B,), or (B, P) with -1 pads for a head that takes many."""
        if not self.module.takes_many_labels:
            return torch.from_numpy(Y.indices[Y.indptr[docs]].astype(np.int64))
        rows = Y[docs]
        counts = np.diff(rows.indptr)
        labels = np.full((len(docs), max(1, counts.max())), -1, np.int64)
        labels[np.arange(labels.shape[1]) < counts[:, None]] = rows.indices
        return torch.from_numpy(labels)


def check_option_names(name: str, head_options: dict[str, Any], allowed: Sequence[str]) -> None:
    """Raise ValueError unless every option is one that the head of this name has."""
    for option in head_options:
        if option not in allowed:
            raise ValueError(
                f'head_options of head "{name}" must be among {", ".join(allowed)}. Got {option!r}; choose one of them.'
            )


def _option_names(function: Any) -> list[str]:
    own = {"dim"} if function is NeuralHead.__init__ else set()
    return [name for name in inspect.signature(function).parameters if name not in NOT_OPTIONS - own]


def optimisers_of(model: nn.Module, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Return Adam for the parameters with dense gradients and SparseAdam for the others."""
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)]
    sparse = [table.weight for table in tables if table.sparse]
    dense = [parameter for parameter in model.parameters() if all(parameter is not weight for weight in sparse)]
    optimisers: list[torch.optim.Optimizer] = []
    if dense:
        optimisers.append(torch.optim.Adam(dense, lr=learning_rate))
    if sparse:
        optimisers.append(torch.optim.SparseAdam(sparse, lr=learning_rate))
    return optimisers


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    """Have torch use so many threads, and restore its number."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
