"""How a neural head is trained: the options of the training loop, their defaults and their checks."""

from dataclasses import dataclass

import torch

from ..checks import check_number, check_option, check_whole

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class TrainingOptions:
    """How a neural head, and its encoder if there is one, is trained.

    Args:
        epochs: most passes over the documents.
        batch_size: documents of a step, on all devices together.
        accumulate: parts that a step's documents are cut into, to need less memory; the gradient is the same.
        learning_rate: of the head, by AdamW, or Adam where gradients are sparse.
        table_learning_rate: of the label embeddings of neural-mhc, by Adagrad with one number a label.
        encoder_learning_rate, weight_decay: of the encoder, by AdamW; its vectors have no decay.
        warmup: share of the steps in which the learning rates rise from 0; they fall to 0 after it. None: 0.1 with an
            encoder; without, they stay as they are.
        clip: largest norm of the encoder's gradient.
        precision: "float32", "bfloat16" or "float16" of products; "auto": bfloat16 on GPUs that have it.
        ema_decay: above 0, the model is the running average of the weights after each step, w <- decay w + (1 - decay)
            new.
        patience: epochs without a better dev part after which training stops and the best weights are taken; 0: train
            to the end. None: 2 with an encoder, 0 without.
        run_dir: a folder for checkpoints and metrics.jsonl; a training that finds its own checkpoint there goes on.
        checkpoint_every: steps from checkpoint to checkpoint; there is one after each epoch, too.
        device: "auto", "cpu", "cuda", ...
    """

    epochs: int = 20
    batch_size: int = 64
    accumulate: int = 1
    learning_rate: float = 0.003
    table_learning_rate: float = 0.05
    encoder_learning_rate: float = 1e-4
    weight_decay: float = 0.01
    warmup: float | None = None
    clip: float = 1.0
    precision: str = "auto"
    ema_decay: float = 0.0
    patience: int | None = None
    run_dir: str | None = None
    checkpoint_every: int = 1000
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "checkpoint_every"):
            check_whole(name, getattr(self, name))
        for name in ("learning_rate", "table_learning_rate", "encoder_learning_rate", "clip"):
            check_number(name, getattr(self, name), above=0)
        if self.patience is not None:
            check_whole("patience", self.patience, least=0)
        for name in ("weight_decay", "warmup", "ema_decay"):
            value = getattr(self, name)
            if (name, value) == ("warmup", None):
                continue
            if isinstance(value, bool) or not (isinstance(value, int | float) and 0 <= value < 1):
                raise ValueError(f"{name} must be a number from 0 to below 1. Got {value!r}; choose another.")
        check_option("precision", self.precision, ["auto", *PRECISIONS])
        try:
            torch.device("cpu" if self.device == "auto" else self.device)
        except (RuntimeError, TypeError):
            raise ValueError(f'device must be "auto", "cpu", "cuda" or the like. Got {self.device!r}.') from None
