"""The one training loop: shuffled batches, warm-up and decay, early stopping, checkpoints, one or many devices."""

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..errors import in_short
from ..features.picking import lengths_of, pick
from ..outputs import whole_file
from ..progress import track
from .batches import batches_of_epoch, labels_of
from .body import HeadOnBody
from .checkpoint import (
    optimiser_state,
    read_checkpoint,
    restore_optimisers,
    state_copy,
    with_prefix,
    without_prefix,
    write_checkpoint,
)
from .distributed import rank_and_size, sum_over_processes
from .optimisers import optimisers_of
from .training_options import PRECISIONS, TrainingOptions

ENCODER_WARMUP = 0.1  # share of the steps
LOGGED_STEPS = 10  # of which metrics.jsonl gets a line


@dataclass
class Progress:
    """Where a training stands; with the tensors of a checkpoint, all that it needs to go on."""

    step: int = 0  # steps done
    best_score: float = -math.inf
    epochs_since_best: int = 0
    is_done: bool = False
    best: dict[str, Tensor] = field(default_factory=dict)


def train(
    model: HeadOnBody,
    documents: Any,
    Y: csr_array,
    *,
    options: TrainingOptions,
    seed: int,
    encoder: nn.Module | None = None,
    evaluate: Callable[[HeadOnBody], float] | None = None,
    same_run: dict[str, Any] | None = None,
) -> None:
    """Train a model in place.

    Args:
        documents: what `pick` takes, num_docs of them.
        Y: CSR (num_docs, num_labels).
        encoder: the part of the model with encoder_learning_rate.
        evaluate: the score of a model on the dev part, larger is better; None: no early stopping.
        same_run: JSON values that must be those of a checkpoint for it to be gone on with.
    Raises: ValueError: the loss is not finite, or run_dir holds another run; MemoryError: a device has too little.
    """
    training = _Training(model, documents, Y, options=options, seed=seed, encoder=encoder, evaluate=evaluate)
    try:
        training.run(same_run or {})
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not (isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise
        first = in_short(str(error).splitlines()[0])
        raise MemoryError(
            f"a step must fit into memory. Got: {first}; raise accumulate={options.accumulate}, "
            f"or lower batch_size={options.batch_size}, or the encoder's max_length."
        ) from None


class _Training:
    """The state of one call of `train`, and its steps."""

    def __init__(
        self,
        model: HeadOnBody,
        documents: Any,
        Y: csr_array,
        *,
        options: TrainingOptions,
        seed: int,
        encoder: nn.Module | None,
        evaluate: Callable[[HeadOnBody], float] | None,
    ) -> None:
        self.model, self.documents, self.Y, self.options, self.seed = model, documents, Y, options, seed
        self.encoder, self.evaluate = encoder, evaluate
        self.rank, self.num_processes = rank_and_size()
        self.lengths = lengths_of(documents)
        self.steps_per_epoch = -(-Y.shape[0] // options.batch_size)
        self.num_steps = options.epochs * self.steps_per_epoch
        self.optimisers = optimisers_of(
            model,
            options.learning_rate,
            table_learning_rate=options.table_learning_rate,
            encoder=encoder,
            encoder_learning_rate=options.encoder_learning_rate,
            weight_decay=options.weight_decay,
        )
        self.rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in self.optimisers]
        self.average = None
        if options.ema_decay:
            self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(options.ema_decay))
        self.wrapped = DistributedDataParallel(model) if self.num_processes > 1 else model
        precision = options.precision
        if precision == "auto":
            has_bfloat16 = model.device.type == "cuda" and torch.cuda.is_bf16_supported()
            precision = "bfloat16" if has_bfloat16 else "float32"
        self.dtype = PRECISIONS[precision]
        self.scaler = torch.amp.GradScaler(model.device.type, enabled=precision == "float16")
        self.run_dir = None if options.run_dir is None else Path(options.run_dir)
        self.progress = Progress()

    def run(self, same_run: dict[str, Any]) -> None:
        """Train to the end, from a checkpoint where there is one."""
        self._restore(same_run)
        steps = range(self.progress.step, self.num_steps)
        if self.progress.is_done:
            steps = range(0)
        for step in track(steps, total=len(steps), title=self.model.head.name):
            loss, started = self._step(step), time.perf_counter()
            self.progress.step = step + 1
            is_epoch = self.progress.step % self.steps_per_epoch == 0
            if self.progress.step % LOGGED_STEPS == 0:
                self._log({"step": self.progress.step, "epoch": step // self.steps_per_epoch + 1, "loss": loss})
            if is_epoch and self.evaluate is not None:
                self._compare(started)
            self.progress.is_done |= self.progress.step == self.num_steps
            if is_epoch or self.progress.step % self.options.checkpoint_every == 0:
                self._save(same_run)
            if self.progress.is_done:
                break
        if self.progress.best:
            self.model.load_state_dict(self.progress.best)
        elif self.average is not None:
            self.model.load_state_dict(self.average.module.state_dict())

    def _step(self, step: int) -> float:
        """Take one step, and return its loss, the mean over the documents of the batch."""
        docs = self._batch(step)
        mine = docs[self.rank :: self.num_processes]
        weight = 1.0 if len(mine) else 0.0  # more processes than documents: one is computed and does not count
        mine = mine if len(mine) else docs[:1]
        pieces = [piece for piece in np.array_split(mine, self.options.accumulate) if len(piece)]
        factor = self._rate_factor(step)
        for optimiser, rates in zip(self.optimisers, self.rates, strict=True):
            optimiser.zero_grad(set_to_none=True)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        total = 0.0
        for number, piece in enumerate(pieces, start=1):
            with contextlib.ExitStack() as stack:
                if self.num_processes > 1 and number < len(pieces):
                    stack.enter_context(self.wrapped.no_sync())  # type: ignore[operator]
                with self._autocast():
                    loss = self.wrapped(pick(self.documents, piece), labels_of(self.Y, piece, self.model.head))
                loss = loss * (weight * len(piece) / len(docs))
                self.scaler.scale(loss * self.num_processes).backward()  # gradients are averaged over processes
            total += loss.item()
        total = sum_over_processes(total)
        if not math.isfinite(total):
            kept = f"; the last checkpoint in {self.run_dir} is kept" if self.run_dir else ""
            raise ValueError(
                f"the loss must stay finite. Got {total} in epoch {step // self.steps_per_epoch + 1}, step "
                f"{step % self.steps_per_epoch + 1}; lower learning_rate={self.options.learning_rate:g}"
                + (f" and encoder_learning_rate={self.options.encoder_learning_rate:g}" if self.encoder else "")
                + f", or scale the features{kept}."
            )
        for optimiser in self.optimisers:
            self.scaler.unscale_(optimiser)
        if self.encoder is not None:
            nn.utils.clip_grad_norm_(self.encoder.parameters(), self.options.clip)
        for optimiser in self.optimisers:
            self.scaler.step(optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return total

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.model.device.type, self.dtype)

    def _rate_factor(self, step: int) -> float:
        """Return what the learning rates are multiplied with: it rises to 1 in the warm-up, and falls to 0."""
        warmup = self.options.warmup
        if warmup is None:
            if self.encoder is None:
                return 1.0
            warmup = ENCODER_WARMUP
        num_warmup = warmup * self.num_steps
        return min((step + 1) / (num_warmup + 1), (self.num_steps - step) / max(self.num_steps - num_warmup, 1))

    def _batch(self, step: int) -> np.ndarray:
        """Return the documents of a step; the same for the same seed, wherever training began."""
        epoch, number = divmod(step, self.steps_per_epoch)
        if number == 0 or not hasattr(self, "batches"):
            self.batches = batches_of_epoch(
                self.Y.shape[0], self.options.batch_size, lengths=self.lengths, seed=self.seed, epoch=epoch
            )
        return self.batches[number]

    def _compare(self, started: float) -> None:
        """Score the model on the dev part, keep the best one, and decide whether to stop."""
        evaluated: Any = self.model if self.average is None else self.average.module
        evaluated.eval()
        assert self.evaluate is not None
        score = self.evaluate(evaluated)
        self.model.train()
        progress = self.progress
        self._log({"step": progress.step, "epoch": progress.step // self.steps_per_epoch, "dev": score})
        progress.epochs_since_best += 1
        if score > progress.best_score:
            progress.best_score, progress.epochs_since_best, progress.best = score, 0, state_copy(evaluated)
        progress.is_done = progress.epochs_since_best >= (self.options.patience or 0)

    def _log(self, values: dict[str, Any]) -> None:
        if self.run_dir is None or self.rank:
            return
        self.run_dir.mkdir(parents=True, exist_ok=True)
        with (self.run_dir / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(values) + "\n")

    def _save(self, same_run: dict[str, Any]) -> None:
        if self.run_dir is None or self.rank:
            return
        tensors, numbers = optimiser_state(self.optimisers)
        tensors = with_prefix("optimiser ", tensors) | with_prefix("model ", self.model.state_dict())
        tensors |= with_prefix("best ", self.progress.best) | {"random": torch.get_rng_state()}
        if self.model.device.type == "cuda":
            tensors["random cuda"] = torch.cuda.get_rng_state()
        if self.average is not None:
            tensors |= with_prefix("average ", self.average.state_dict())
        values = {name: value for name, value in vars(self.progress).items() if name != "best"}
        values |= {"numbers": numbers, "scaler": self.scaler.state_dict(), "run": same_run}
        write_checkpoint(self.run_dir, tensors, values)

    def _restore(self, same_run: dict[str, Any]) -> None:
        """Take up a checkpoint where there is one."""
        found = None if self.run_dir is None else read_checkpoint(self.run_dir)
        if found is None:
            return
        tensors, values = found
        differing = [name for name, value in same_run.items() if values["run"].get(name) != value]
        if differing:
            raise ValueError(
                f"run_dir must be a new folder, or hold a checkpoint of the same training. Got {self.run_dir}, whose "
                f"{', '.join(differing)} differ; choose another folder, or remove the checkpoint."
            )
        self.model.load_state_dict(without_prefix("model ", tensors))
        restore_optimisers(self.optimisers, without_prefix("optimiser ", tensors), values["numbers"])
        if self.average is not None:
            self.average.load_state_dict(without_prefix("average ", tensors))
        if values["scaler"]:
            self.scaler.load_state_dict(values["scaler"])
        torch.set_rng_state(tensors["random"])
        if "random cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random cuda"])
        for name in ("step", "best_score", "epochs_since_best", "is_done"):
            setattr(self.progress, name, values[name])
        self.progress.best = without_prefix("best ", tensors)
        self._forget_later_lines()

    def _forget_later_lines(self) -> None:
        """Drop the lines of metrics.jsonl that were written after the checkpoint: their steps are taken again."""
        assert self.run_dir is not None
        path = self.run_dir / "metrics.jsonl"
        if path.exists() and not self.rank:
            lines = path.read_text().splitlines()
            kept = [line for line in lines if json.loads(line)["step"] <= self.progress.step]
            with whole_file(path) as written:
                written.write_text("".join(f"{line}\n" for line in kept))
