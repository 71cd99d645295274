import ast
import doctest
import importlib
import io
import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import xmlc_mhe
from xmlc_mhe import Dataset
from xmlc_mhe.cli import main
from xmlc_mhe.data import pydocs
from xmlc_mhe.data.writing import save_dataset

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "xmlc_mhe"
# A module imports only from those before it; each line is a part of a folder.
LAYERS = """
errors progress outputs checks estimator lazy state model_files
data data.csr data.pydocs data.dataset
data.formats data.formats.options data.formats.lines data.formats.part data.formats.matrices data.formats.texts
data.formats.sparse_text data.formats.arff_header data.formats.arff data.formats.tables data.formats.separated
data.formats.workbooks data.formats.corpora data.formats.hub data.formats.table data.formats.finding
data.benchmarks data.benchmarks.cards data.sources data.writing data.reading data.tagging
data.inspection data.splitting
data.benchmarks.check data.benchmarks.download
features features.options features.matrix features.characters features.terms features.term_counts
features.character_counts features.term_hashes features.analysis features.word_forms features.piece_counts
features.counting features.words features.spans features.given features.picking features.tokens
features.shapes features.transformer features.embedding features.learned features.hybrid
codes codes.orders codes.head_sizes codes.label_code codes.planner
predictions propensity metrics set_metrics calibration
linear linear.options linear.heads linear.simd linear.solver linear.scorer linear.label_weights linear.training
linear.one_vs_rest linear.cascade
neural neural.heads neural.ranking neural.optimisers neural.blocks neural.losses neural.one_hot neural.cascade
neural.product neural.sampling neural.cp neural.low_rank neural.etf neural.rbf neural.body neural.checkpoint
neural.distributed neural.training_options neural.head_options neural.batches neural.threads neural.training
neural.prediction neural.neural_state neural.neural_head
ranking ranking.expected_f1 ranking.thresholds ranking.document_index ranking.evidence ranking.candidates
ranking.margins ranking.frequency ranking.first_words ranking.neighbours ranking.cooccurrence ranking.names
ranking.network ranking.calibration ranking.stage ranking.state_fields ranking.learning
explaining explaining.explanation explaining.words explaining.label_names explaining.ranked explaining.label
explaining.marking explaining.terminal explaining.page explaining.explain
classifier classifier.options classifier.documents classifier.encoders classifier.heads classifier.uses
classifier.tuning classifier.fitting classifier.saving classifier.classifier classifier.ensemble classifier.workers
experiments experiments.recipe experiments.origin experiments.outcome experiments.runs experiments.search
experiments.report experiments.report.analysis experiments.report.plots experiments.report.page
experiments.report.review
corrections corrections.store
serving serving.problems serving.limits serving.metrics serving.names serving.models serving.predicting
serving.reading serving.learning serving.server serving.annif serving.ours serving.app serving.running
cli.streams cli.common cli.fit cli.predict cli.explain cli.run cli.search cli.report cli.evaluate cli.plan cli.serve
cli.data.shared cli.data.inspect cli.data.convert cli.data.split cli.data.corrections cli.data.check cli.data.cards
cli.data.fetch cli.data.formats cli.data cli cli.__main__
"""
ORDER = [*LAYERS.split(), ""]  # the last is the package itself
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix("."): path
    for path in PACKAGE.rglob("*.py")
}


TORCH_FEATURES = ("features.shapes", "features.transformer", "features.embedding")


def needs_torch(name):
    """Whether importing a module may import torch: learned encoders, and those below neural but for their names."""
    return name in TORCH_FEATURES or (name.startswith("neural.") and name != "neural.heads")


every_module = pytest.mark.parametrize("name", MODULES)

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENTS = sorted([*ROOT.glob("README.md"), *(ROOT / "docs").rglob("*.md")])
LANGUAGES = ("python", "console", "bash", "sh", "shell", "toml", "output")


# --- layers -----------------------------------------------------------------------------------------------------------


def imports_of(name):
    """The modules of the package that a module imports, wherever the statement stands; "" is the package itself."""
    folder = (
        ["xmlc_mhe", *name.split(".")] if MODULES[name].name == "__init__.py" else ["xmlc_mhe", *name.split(".")[:-1]]
    )
    folder = [part for part in folder if part]
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("xmlc_mhe").lstrip(".") for alias in node.names if is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(
                [*folder[: len(folder) - node.level + 1], node.module or ""] if node.level else [node.module]
            )
            base = base.rstrip(".")
            if is_ours(base):
                for alias in node.names:
                    found = f"{base}.{alias.name}".removeprefix("xmlc_mhe.")
                    if found != "__version__":
                        yield found if found in MODULES else base.removeprefix("xmlc_mhe").lstrip(".")


def is_ours(name):
    return name.split(".")[0] == "xmlc_mhe"


def test_the_list_of_layers_names_every_module_once():
    assert sorted(ORDER) == sorted(MODULES)


@every_module
def test_a_module_imports_only_from_those_before_it(name):
    assert set(imports_of(name)) <= set(ORDER[: ORDER.index(name)])


def test_imports_are_found_however_they_are_written(tmp_path, monkeypatch):
    source = "import xmlc_mhe.data.csr\nfrom . import __version__, solver\nfrom .. import metrics as m, evaluate\n"
    source += (
        "from ..data import Dataset\nfrom xmlc_mhe import cli\ndef f():\n    from .simd import LANES\nimport numpy\n"
    )
    path = tmp_path / "module.py"
    path.write_text(source)
    monkeypatch.setitem(MODULES, "linear.module", path)
    assert list(imports_of("linear.module")) == [
        "data.csr", "linear", "linear.solver", "metrics", "", "data", "cli", "linear.simd"
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in MODULES if not needs_torch(name)])
def test_no_other_module_imports_torch_when_it_is_imported(name):
    tree = ast.parse(MODULES[name].read_text())
    functions = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for inner in ast.walk(node)}
    found = [
        node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in functions
    ]
    for node in found:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        assert not {"torch", "transformers"} & {imported.split(".")[0] for imported in names}


def test_every_public_name_exists_and_is_listed_once_in_order():
    assert xmlc_mhe.__all__ == sorted(set(xmlc_mhe.__all__))
    for name in xmlc_mhe.__all__:
        assert getattr(xmlc_mhe, name).__doc__


@every_module
def test_no_module_is_longer_than_300_lines(name):
    assert len(MODULES[name].read_text().splitlines()) <= 300


def test_half_of_the_modules_have_fewer_than_120_lines():
    lengths = [len(path.read_text().splitlines()) for path in MODULES.values() if path.name != "__init__.py"]
    assert np.median(lengths) < 120


@every_module
def test_every_module_says_what_it_is_in_its_first_line(name):
    if needs_torch(name):
        pytest.importorskip("torch")
    assert importlib.import_module(f"xmlc_mhe.{name}".rstrip(".")).__doc__.splitlines()[0]


# --- the documents ----------------------------------------------------------------------------------------------------


@pytest.fixture
def working_folder(tmp_path, monkeypatch):
    """An empty current folder; in it are records/, of texts, and bibtex/, of features; and pydocs has few functions."""
    functions = [
        f'def f{i}(x{i % 5}, y{i % 3}): "Return the word{i % 5} of the root{i % 3}, {i}."\n' for i in range(200)
    ]
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "module.py").write_text("".join(functions))
    monkeypatch.setattr(pydocs, "_installed_sources", lambda: [tmp_path / "source"])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    texts, features = {}, {}
    for part in ("train", "dev", "test"):
        Y = sp.csr_array(np.eye(10)[rng.integers(0, 10, 60)])
        words = [f"word{label} also{label} noise{label % 3}" for label in Y.indices]
        texts[part] = Dataset(words, None, Y, [f"label{i}" for i in range(10)])
        features[part] = Dataset(None, Y, Y, texts[part].label_names)
    place = tmp_path / "place"
    place.mkdir()
    save_dataset(texts, place / "records")
    save_dataset(features, place / "bibtex")
    monkeypatch.chdir(place)
    return place


def blocks_of(document):
    """The fenced blocks that can be run, are files, or say what the one before prints: (line, language, content)."""
    text = document.read_text()
    for match in FENCE.finditer(text):
        if match[1] in LANGUAGES:
            yield text.count("\n", 0, match.start()) + 1, match[1], match[2]


def commands_of(block):
    """The xmlc-mhe commands of a console block: (what `echo` gives them or None, arguments)."""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if "xmlc-mhe" not in words:
            continue  # make, pip, or what a command printed
        start = words.index("xmlc-mhe")
        assert start == 0 or (words[0] == "echo" and words[start - 1] == "|"), f"cannot run {line!r}"
        yield (" ".join(words[1 : start - 1]) if start else None), words[start + 1 :]


def test_blocks_and_commands_are_found(tmp_path):
    text = "```python\n1\n```\nx\n```console\n$ xmlc-mhe fit a \\\n  -m m  # why\nmake x\nxmlc-mhe: 3 documents\n"
    (tmp_path / "a.md").write_text(text + "echo 'b c' | xmlc-mhe predict m -\n```\n```\nno\n```\n```json\nno\n```\n")
    (line, language, content), (second_line, _, commands) = blocks_of(tmp_path / "a.md")
    assert (line, language, content, second_line) == (1, "python", "1\n", 5)
    assert list(commands_of(commands)) == [(None, ["fit", "a", "-m", "m"]), ("b c", ["predict", "m", "-"])]


def test_the_documents_have_blocks_of_python_and_commands():
    languages = {language for document in DOCUMENTS for _, language, _ in blocks_of(document)}
    assert "python" in languages
    assert languages & {"console", "bash"}
    assert any(list(commands_of(block)) for document in DOCUMENTS for _, language, block in blocks_of(document)
               if language != "python")  # fmt: skip


def agrees(shown, printed):
    """Whether a block "output" shows what was printed; "..." stands for anything, white space for any white space."""
    return doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


def test_shown_output_is_compared():
    assert agrees("P@1 ...\na  b\n", "P@1 0.53\na b\n")
    assert not agrees("P@1 0.52\n", "P@1 0.53\n")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_of_a_document_runs(document, working_folder, monkeypatch, capsys):
    namespace = {"__name__": "__document__"}
    printed = ""
    for (line, language, block), (_, following, shown) in pairwise([*blocks_of(document), (0, "", "")]):
        place = f"{document.relative_to(ROOT)}:{line}"
        may_fail = following == "output" and "xmlc-mhe: error:" in shown
        if language == "output":
            assert agrees(block, printed), f"{place} must show what is printed. It is:\n{printed}"
            continue
        if language == "toml":  # a file, its name in the first line
            Path(re.match(r"# ([\w-]+\.toml)\n", block)[1]).write_text(block)
            continue
        if language == "python":
            exec(compile("\n" * line + block, str(document), "exec"), namespace)
        for text, arguments in commands_of(block) if language != "python" else ():
            if text is not None:
                monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{text}\n".encode())))
            code, command = main(arguments), f"{place}: xmlc-mhe {shlex.join(arguments)}"
            assert code == (2 if may_fail else 0), f"{command}: {capsys.readouterr().err}"
        out, err = capsys.readouterr()
        printed = err + out


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(document):
    text = FENCE.sub("", document.read_text())  # a program may have ](
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), f"{document.relative_to(ROOT)} links to {target}"
