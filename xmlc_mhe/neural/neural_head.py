"""NeuralHead: a neural head, trained on a body, with the contract of the linear ones."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, issparse
from scipy.special import expit, softmax
from torch import nn

from ..checks import check_option, check_whole
from ..codes.orders import LABEL_ORDERS
from ..features.picking import pick
from ..metrics import evaluate, metric_names
from ..predictions import Predictions
from ..state import Fields
from .batches import check_one_label
from .body import Body, HeadOnBody
from .distributed import choose_device, gather_from_processes, rank_and_size
from .head_options import split_options
from .heads import HEADS
from .neural_state import neural_fields
from .prediction import features_of, len_of, top_k, top_k_of_features
from .threads import threads_of_step, torch_threads
from .training import train
from .training_options import TrainingOptions

SPARSE_BELOW = 0.25  # share of stored entries of X up to which the body reads the stored entries alone
DEFAULT_DIM = 256
DEV_SHARE, MOST_DEV_DOCS = 0.1, 2000  # of the training documents, where early stopping has no dev part
ENCODER_PATIENCE = 2  # epochs; an encoder can learn its training documents by heart


class NeuralHead:
    """A neural head with the contract of the linear ones: fit, top_k, state, from_state, describe.

    The body is learned with the head: an encoder that `fit` is given, or else see `Body`. The same seed gives the same
    model with the same number of threads.

    Args:
        module_class: a value of HEADS.
        options: of the module.
        dim: length of the features; None: 256, or the columns of X where the body is "none".
        hidden: True: X goes through a learned layer and a ReLU. False: as it is. None: through a layer where fewer than
            a quarter of X's entries are stored, where dim is given, or where the head itself learns nothing.
        label_order: a key of LABEL_ORDERS; for heads whose groups of labels are ranges.
        seed: of the first weights and of the order of documents.
        threads: the most of a fit, of which a small step takes one (`threads_of_step`). Prediction takes one, as
            `XMLCClassifier` predicts several batches at a time.
        training: fields of TrainingOptions.
    """

    def __init__(
        self,
        module_class: Any,
        *,
        options: dict[str, Any] | None = None,
        dim: int | None = None,
        hidden: bool | None = None,
        label_order: str = "frequency",
        seed: int = 0,
        threads: int = 1,
        **training: Any,
    ) -> None:
        if dim is not None:
            check_whole("dim", dim)
        if hidden is not None and not isinstance(hidden, bool):
            raise ValueError(f"hidden must be None, True or False. Got {hidden!r}; choose one.")
        check_option("label_order", label_order, LABEL_ORDERS)
        self.module_class, self.name = module_class, module_class.name
        self.options = dict(options or {})
        self.dim, self.hidden, self.label_order = dim, hidden, label_order
        self.training = TrainingOptions(**training)
        self.seed, self.threads = seed, threads

    @classmethod
    def from_options(
        cls,
        head: Any,
        head_options: dict[str, Any] | None,
        *,
        head_sizes: Sequence[int] | None = None,
        label_order: str = "frequency",
        seed: int = 0,
        threads: int = 1,
    ) -> "NeuralHead":
        """Return the head of this name or class with options of the training and of the module in one dict.

        Raises: ValueError: an option that the head has not; ImportError: no torch.
        """
        module_class = HEADS[head]
        options, training = split_options(module_class, head_options, head_sizes)
        return cls(module_class, options=options, label_order=label_order, seed=seed, threads=threads, **training)

    def fit(
        self,
        documents: Any,
        Y: csr_array,
        *,
        encoder: nn.Module | None = None,
        dev: tuple[Any, csr_array] | None = None,
    ) -> "NeuralHead":
        """Train on documents and CSR Y (num_docs, num_labels).

        Args:
            documents: X (num_docs, num_features), CSR or dense; or what the encoder's `prepare` returns.
            encoder: the body, see `encoders.Encoder`; it is trained in place.
            dev: documents and labels for early stopping; None: a tenth of the training documents, if it is asked for.
        Raises: ValueError: a head that takes one label a document gets another number; the loss is not finite.
        """
        patience = self.training.patience
        if patience is None:
            patience = 0 if encoder is None else ENCODER_PATIENCE
        if patience and dev is None and Y.shape[0] > 1:
            documents, Y, dev = self.split_dev(documents, Y)
        self.order = LABEL_ORDERS[self.label_order if self.orders_labels else "given"](Y, self.seed)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            if encoder is None:
                self._build(self._choose_body(documents), documents.shape[1], Y.shape[1])
            else:
                self._build_on(encoder, Y.shape[1])
            if not self.module.takes_many_labels:
                check_one_label(self.name, Y)
            model = self.model.to(choose_device(self.training.device)).train()
            scored = dev if patience else None
            with torch_threads(threads_of_step(model, batch_size=self.training.batch_size, threads=self.threads)):
                train(
                    model,
                    documents,
                    self._codes(Y),
                    options=TrainingOptions(**asdict(self.training) | {"patience": patience}),
                    seed=self.seed,
                    encoder=encoder,
                    evaluate=None if scored is None else lambda model: self._score(model, *scored),
                    same_run=self._run(Y),
                )
        model.eval().requires_grad_(False)
        return self

    @torch.inference_mode()
    def top_k(self, documents: Any, k: int) -> Predictions:
        """Return the k best labels of each document; scores are the head's, see its `top_k`."""
        with torch_threads(1):
            return top_k(self.model, documents, range(len_of(documents)), k, order=self.order)

    @torch.inference_mode()
    def features(self, documents: Any) -> np.ndarray:
        """Return what the body makes of documents, float32 (num_docs, dim): all that the head sees of them."""
        with torch_threads(1):
            return features_of(self.model, documents, dim=self.num_features)

    @torch.inference_mode()
    def top_k_of_features(self, features: np.ndarray, k: int) -> Predictions:
        """Return the k best labels of documents with these features, float32 (num_docs, dim); see `top_k`."""
        with torch_threads(1):
            return top_k_of_features(self.model, features, k, order=self.order)

    def to_probs(self, scores: np.ndarray) -> np.ndarray:
        """Return probabilities of the scores that `top_k` gave: for heads of one label a document, they sum to 1."""
        return expit(scores) if self.module.takes_many_labels else softmax(scores, axis=1)

    def describe(self) -> str:
        """Return one line for people: what was built."""
        num_parameters = sum(tensor.numel() for tensor in self.model.parameters())
        bodies = {"bag": "a bag of vectors", "linear": "a layer", "none": "the features as they are"}
        return f"head {self.name} on {bodies.get(self.kind, 'an encoder')}, {num_parameters:,} parameters"

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values and arrays; an encoder is not in it."""
        state: dict[str, Any] = {"name": self.name, "options": self.options, "dim": self.dim, "hidden": self.hidden}
        state |= {"kind": self.kind, "num_features": self.num_features, "num_labels": self.num_labels}
        if self.orders_labels:
            state["order"] = self.order
        parts = {"module": self.model.head} | ({} if self.kind == "encoder" else {"body": self.model.body})
        for part, module in parts.items():
            state |= {f"{part}.{name}": tensor.cpu().numpy() for name, tensor in module.state_dict().items()}
        return state

    @classmethod
    def state_fields(cls, state: dict[str, Any], *, head_class: Any = None, **sizes: int) -> Fields:
        """Yield what the entries of `state` must be.

        Args:
            head_class: as for `from_state`.
            sizes: num_labels, num_features and num_dense, see `neural_fields`.
        """
        return neural_fields(
            state, lambda encoder: cls._built_as(state, encoder, head_class), head_class=head_class, **sizes
        )

    @classmethod
    def from_state(
        cls, state: dict[str, Any], *, encoder: nn.Module | None = None, head_class: Any = None
    ) -> "NeuralHead":
        """Return the trained head whose `state` this is.

        Args:
            encoder: the one that the head was trained with, if there was one.
            head_class: the class of a head of your own; None: the one that the state names.
        """
        head = cls._built_as(state, encoder, head_class)
        head.order = state["order"] if head.orders_labels else np.arange(state["num_labels"], dtype=np.int32)
        parts = {"module": head.model.head} | ({} if encoder is not None else {"body": head.model.body})
        for part, module in parts.items():
            names = module.state_dict().keys()
            module.load_state_dict({name: torch.tensor(state[f"{part}.{name}"]) for name in names})
        head.model.eval().requires_grad_(False)
        return head

    @classmethod
    def _built_as(cls, state: dict[str, Any], encoder: nn.Module | None, head_class: Any) -> "NeuralHead":
        """Return a head with the options of a state, its tensors new."""
        options = {name: tuple(value) if isinstance(value, list) else value for name, value in state["options"].items()}
        head = cls(head_class or HEADS[state["name"]], options=options, dim=state["dim"], hidden=state["hidden"])
        if encoder is not None:
            head._build_on(encoder, state["num_labels"])
        else:
            head._build(state["kind"], state["num_features"], state["num_labels"])
        return head

    @property
    def module(self) -> Any:
        return self.model.head

    @property
    def orders_labels(self) -> bool:
        """Whether the groups of labels are ranges, so that their order counts."""
        return getattr(self.module_class, "orders_labels", False)

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
        dim = num_features if kind == "none" else self.dim or DEFAULT_DIM
        self.kind, self.num_features, self.num_labels = kind, num_features, num_labels
        body = Body(kind, num_features, dim, is_signed=self.module_class.is_fixed)
        self.model = HeadOnBody(body, self.module_class(num_labels, dim, **self.options))

    def _build_on(self, encoder: nn.Module, num_labels: int) -> None:
        for name in ("dim", "hidden"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} must be None on an encoder. Got {getattr(self, name)}; leave it out.")
        self.kind, self.num_features, self.num_labels = "encoder", int(encoder.dim), num_labels  # type: ignore[arg-type]
        self.model = HeadOnBody(encoder, self.module_class(num_labels, self.num_features, **self.options))

    def _codes(self, Y: csr_array) -> csr_array:
        """Return Y with the columns in the order of the labels' codes."""
        position = np.empty(len(self.order), np.int32)
        position[self.order] = np.arange(len(self.order), dtype=np.int32)
        return csr_array((Y.data, position[Y.indices], Y.indptr), Y.shape)

    def split_dev(self, documents: Any, Y: csr_array) -> tuple[Any, csr_array, tuple[Any, csr_array]]:
        """Return training documents and labels without a tenth, and that tenth, which is chosen by the seed."""
        num_dev = max(1, min(int(DEV_SHARE * Y.shape[0]), MOST_DEV_DOCS))
        order = np.random.default_rng(self.seed).permutation(Y.shape[0])
        rows, dev_rows = np.sort(order[num_dev:]), np.sort(order[:num_dev])
        return pick(documents, rows), Y[rows], (pick(documents, dev_rows), Y[dev_rows])

    @torch.inference_mode()
    def _score(self, model: HeadOnBody, documents: Any, Y: csr_array) -> float:
        """Return the mean of P@1, P@3 and P@5 on a dev part, of which each process predicts a share."""
        rank, num_processes = rank_and_size()
        k = min(5, self.num_labels)
        mine = range(rank, Y.shape[0], num_processes)
        labels = np.empty((Y.shape[0], k), np.int32)
        found = top_k(model, documents, mine, k, order=self.order).labels
        for process, share in enumerate(gather_from_processes(found)):
            labels[process::num_processes] = share
        names = metric_names([cutoff for cutoff in (1, 3, 5) if cutoff <= k], metrics=("P",))
        return float(np.mean(list(evaluate(Y, labels, names).values())))

    def _run(self, Y: csr_array) -> dict[str, Any]:
        """Return what a checkpoint must have been made with to be gone on with."""
        unlike = ("run_dir", "checkpoint_every", "device", "accumulate")
        options = {name: value for name, value in asdict(self.training).items() if name not in unlike}
        return {"head": self.name, "options": self.options | {"seed": self.seed}, "training": options} | {
            "labels": [*Y.shape, int(Y.nnz)]
        }
