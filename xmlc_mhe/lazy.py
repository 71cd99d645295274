"""Classes and functions by name, which are imported when one is looked up and not before."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import in_short


class LazyClasses(Mapping[str, Any]):
    """Name -> class. The names are there without importing anything; looking one up imports its module.

    Args:
        package: whose modules these are, such as `__package__`.
        places: name -> module in the package, class.
        needs: a package from outside that the classes cannot do without, and the extra that installs it.
    Raises: KeyError: no such name; ImportError: what they need is not installed.
    """

    def __init__(
        self, package: str, places: dict[str, tuple[str, str]], *, needs: tuple[str, str] | None = None
    ) -> None:
        self.package, self.places, self.needs = package, places, needs

    def __getitem__(self, name: str) -> Any:
        module, class_name = self.places[name]
        if self.needs is not None and importlib.util.find_spec(self.needs[0]) is None:
            needed, extra = self.needs
            raise ImportError(f'head "{name}" needs {needed}. Got no {needed}; pip install "xmlc-mhe[{extra}]".')
        return getattr(importlib.import_module(f".{module}", self.package), class_name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def import_named(name: str, option: str, kind: str) -> Any:
    """Return what "package.module:NAME" names, which may be in the current folder.

    Args:
        option, kind: for the message: what the name was given as, and what it has to name, "Class" or "function".
    """
    module_name, _, inner = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module_name), inner)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f'{option} must be "package.module:{kind}" of a {kind.lower()} that can be imported. Got "{name}": '
            f"{in_short(error)}; check it."
        ) from None


def name_of(named: Any) -> str:
    """Return the name that `import_named` takes for a class or a function, or for the class of anything else."""
    if isinstance(named, str):
        return named
    named = named if hasattr(named, "__qualname__") else type(named)
    return f"{named.__module__}:{named.__qualname__}"
