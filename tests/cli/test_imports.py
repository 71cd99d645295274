"""What a command may import: most of the time of a short command is that of its imports."""

import subprocess
import sys

import pytest

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.cli import COMMANDS
from xmlc_mhe.cli.data import DATA_COMMANDS

SLOW = {"sklearn", "pandas", "scipy.stats", "optuna", "matplotlib", "torch", "transformers", "datasets", "pyarrow"}
COMPUTING = {"scipy", "numba", "joblib"}  # the help does without these, too
LIST_MODULES = (
    "import sys\nfrom xmlc_mhe.cli import main\n"
    "try:\n    code = main(sys.argv[1:])\nexcept SystemExit as stop:\n    code = stop.code\n"
    "print(*sys.modules, sep='\\n', file=open('modules.txt', 'w'))\nsys.exit(code)\n"
)


def imported(arguments, folder, *, code=0, text=None):
    """The modules that a command has imported when it ends."""
    command = [sys.executable, "-c", LIST_MODULES, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return set((folder / "modules.txt").read_text().split())


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS), *(["data", name] for name in DATA_COMMANDS)], ids=" ".join
)
def test_the_help_and_errors_of_arguments_import_nothing_that_computes(command, tmp_path):
    assert not (SLOW | COMPUTING) & imported([*command, "--help"], tmp_path)
    assert not (SLOW | COMPUTING) & imported([*command, "--no-such-option"], tmp_path, code=2)


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_a_prediction_imports_nothing_slow(command, tmp_path):
    texts, labels = ["red rose", "blue sky", "green grass"] * 4, ["red", "blue", "green"] * 4
    XMLCClassifier(threads=1).fit(texts, labels).save(tmp_path / "model")
    assert not SLOW & imported([command, tmp_path / "model", "-"], tmp_path, text="a red rose\n")
