"""`xmlc-mhe data COMMAND`: look at data sets, change their format, split them, and know the benchmarks."""

from importlib import import_module
from typing import Any

DATA_COMMANDS = {  # name, which is also the module's -> what it does
    "inspect": "tell what data is like",
    "convert": "write data in another format",
    "split": "split train into parts",
    "corrections": "write corrections as data to fit on",
    "check": "verify the sizes of a benchmark",
    "cards": "list the benchmarks, or tell of one",
    "fetch": "download a benchmark",
    "formats": "list the formats",
}


def add_command_to(commands: Any, name: str, title: str) -> None:
    group = commands.add_parser(name, help=title, description=title)
    inner = group.add_subparsers(required=True, metavar=" | ".join(DATA_COMMANDS))
    for command, its_title in DATA_COMMANDS.items():
        import_module(f".{command}", __name__).add_command_to(inner, command, its_title)
