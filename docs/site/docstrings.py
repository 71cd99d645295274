"""An extension of griffe, which reads the package for the reference: makes it understand how we write."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from griffe import AliasResolutionError, ExprAttribute, ExprName, Extension, Function, GriffeLoader, Module, Object

ONE_LINE_PART = re.compile(r"^(Returns|Raises|Source|Loss|Attributes): (?=\S)", re.MULTILINE)
PART = re.compile(r"(?<!\n)\n(?=(?:Args:$|\*\*\w+:\*\* ))", re.MULTILINE)


class OurStyle(Extension):
    """Brings docstrings into the form that the parser for Google's style knows, and names into their values."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite a docstring."""
        if obj.docstring is not None:
            obj.docstring.value = in_parts(obj.docstring.value)

    def on_package(self, *, pkg: Module, loader: GriffeLoader, **kwargs: Any) -> None:
        """Show the value of a default that is a name, such as SolverOptions.passes."""
        for parameter in (parameter for function in functions_of(pkg) for parameter in function.parameters):
            if isinstance(parameter.default, ExprAttribute | ExprName):
                with contextlib.suppress(KeyError, AliasResolutionError, AttributeError):
                    value = loader.modules_collection[parameter.default.canonical_path].value
                    parameter.default = parameter.default if value is None else value


def in_parts(docstring: str) -> str:
    """Return a docstring whose parts in one line, such as "Returns: ...", are paragraphs that begin in bold."""
    return PART.sub("\n\n", ONE_LINE_PART.sub(r"**\1:** ", docstring))


def functions_of(obj: Object) -> Iterator[Function]:
    """The functions and methods that an object and those within it define."""
    for member in obj.members.values():
        if isinstance(member, Function):
            yield member
        elif not member.is_alias:
            yield from functions_of(member)
