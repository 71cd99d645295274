"""The options of a neural head: which of them are its module's, and which are the training's."""

import inspect
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from .training_options import TrainingOptions


def split_options(
    module_class: Any, head_options: dict[str, Any] | None, head_sizes: Sequence[int] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the module, with head_sizes where they are given, and those of `NeuralHead`.

    Raises: ValueError: the head does not have an option.
    """
    name = module_class.name
    parameters = inspect.signature(module_class.__init__).parameters
    of_module = [option for option in parameters if option not in ("self", "num_labels", "dim", "head_sizes")]
    of_training = ["dim", "hidden", *(option.name for option in fields(TrainingOptions))]
    allowed = [*of_training, *of_module]
    head_options = dict(head_options or {})
    for option in head_options:
        if option not in allowed:
            raise ValueError(
                f'head_options of head "{name}" must be among {", ".join(allowed)}. Got {option!r}; choose one of them.'
            )
    options = {option: value for option, value in head_options.items() if option in of_module}
    training = {option: value for option, value in head_options.items() if option in of_training}
    if head_sizes is not None:
        if "head_sizes" not in parameters:
            raise ValueError(f'head_sizes must be None for head "{name}". Got {head_sizes!r}; leave them out.')
        options["head_sizes"] = tuple(head_sizes)
    return options, training
