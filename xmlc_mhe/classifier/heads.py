"""All heads by name, and how the options become one that is not trained yet."""

from dataclasses import fields
from typing import Any

import joblib

from ..linear.heads import HEADS as LINEAR_HEADS
from ..linear.options import SolverOptions
from ..neural.heads import HEADS as NEURAL_HEADS
from .options import ClassifierOptions


def head_class(name: Any) -> Any:
    """Return the class that trains the head of this name or class; raises ImportError where torch is missing."""
    if name in LINEAR_HEADS:
        return LINEAR_HEADS[name]
    NEURAL_HEADS[name]
    from ..neural.neural_head import NeuralHead

    return NeuralHead


def build_head(options: ClassifierOptions, *, C: float | None = None) -> Any:
    """Return a head as the options say; a C goes before theirs."""
    threads = num_threads(options)
    if options.head in NEURAL_HEADS:
        return head_class(options.head).from_options(
            options.head,
            options.head_options,
            head_sizes=options.head_sizes,
            label_order=options.label_order,
            seed=options.seed,
            threads=threads,
        )
    C = options.C if C is None else C
    values = {option.name: getattr(options, option.name) for option in fields(SolverOptions)}
    solver = SolverOptions(**values | {"C": SolverOptions.C if C is None else C})
    names = ("head_sizes", "label_order", "train_beam", "beam", "cascade_scale") if options.head == "mhc" else ()
    shared: dict[str, Any] = {name: getattr(options, name) for name in names}
    return head_class(options.head)(solver, seed=options.seed, threads=threads, **shared)


def num_threads(options: ClassifierOptions) -> int:
    """Return the threads to use, all cores where the options name no number."""
    options.check_threads()
    return joblib.cpu_count() if options.threads is None else options.threads
