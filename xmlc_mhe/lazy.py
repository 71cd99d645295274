"""Tables of classes by name, which are imported when one is looked up and not before."""

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any


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
