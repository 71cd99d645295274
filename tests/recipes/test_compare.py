import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import Dataset
from xmlc_mhe.data.writing import save_dataset

FOLDER = Path(__file__).parents[2] / "recipes" / "compare"


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The module run.py, its results in a folder of the test."""
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("compare_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "compare_run", module)  # where dataclass looks for it
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    return module


@pytest.fixture
def arguments(rng, tmp_path):
    """Arguments for a small data set that stands in for cooking."""
    Y = sp.csr_array(np.eye(12)[rng.integers(0, 12, 120)])
    texts = [f"word{label} noise{label % 5}" for label in Y.indices]
    whole = Dataset(texts, None, Y, [f"label{i:02}" for i in range(12)])
    save_dataset({"train": whole, "test": whole}, tmp_path / "cooking")
    return argparse.Namespace(
        name="cooking", data_dir=str(tmp_path), threads=1, minutes=5, environments=tmp_path / "environments"
    )


def test_systems_are_run_and_measured_and_those_that_fail_are_skipped_with_a_line(
    script, arguments, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(script.venv, "create", lambda place, **_: place.mkdir(parents=True))
    failed = subprocess.CompletedProcess([], 1, "", "some words\nERROR: no such package\n\n")
    run = subprocess.run
    monkeypatch.setattr(
        script.subprocess, "run", lambda command, **more: failed if "pip" in command else run(command, **more)
    )
    path = script.RESULTS / "cooking.json"
    systems = {key: script.SYSTEMS[key] for key in ("mhc", "sklearn", "plt")}
    script.compare(arguments, systems, {}, path)
    result = json.loads(path.read_text())
    assert set(result["systems"]) == {"mhc", "sklearn"}
    assert result["skipped"] == {"plt": "its environment cannot be made: ERROR: no such package"}
    for row in result["systems"].values():
        assert row["P@1"] == 1
        assert set(row["latency_ms"]) == {"p50", "p90", "p99"}
        assert min(row["fit_seconds"], row["predict_ms"], row["peak_mib"], row["model_megabytes"]) > 0
    assert "napkinXC PLT, 3 trees: skipped, its environment cannot be made" in capsys.readouterr().out
    text = script.section_of("cooking", result)
    assert "| MHC (ours) | **100.00** |" in text
    assert "napkinXC PLT, 3 trees: skipped" in text
    assert {path.name for path in script.RESULTS.glob("*.svg")} == {
        f"cooking-{kind}.svg" for kind in ("fit", "size", "latency")
    }


def test_an_environment_that_cannot_be_made_is_an_error_with_a_reason(script, tmp_path):
    (tmp_path / "pecos").write_text("no folder")
    with pytest.raises(RuntimeError, match=r"^its environment cannot be made: "):
        script.python_of("pecos", tmp_path)


def test_a_system_that_takes_too_long_is_skipped(script, arguments):
    arguments.minutes = 0.001
    path = script.RESULTS / "cooking.json"
    script.compare(arguments, {"mhc": script.SYSTEMS["mhc"]}, {}, path)
    assert json.loads(path.read_text())["skipped"] == {"mhc": "it took more than 0.001 minutes"}


def test_the_tables_of_both_readmes_are_made_from_the_results(script):
    results = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "results").glob("*.json"))}
    assert results
    script.RESULTS.mkdir()
    sections = [script.section_of(name, result) for name, result in results.items()]
    assert (FOLDER / "README.md").read_text() == "\n".join([script.INTRO, *sections])
    assert script.PROJECT_TABLE.findall(script.PROJECT_README.read_text()) == [script.project_table(results)]


def test_the_picture_of_the_project_has_a_panel_for_each_data_set_and_is_linked(script):
    results = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "results").glob("*.json"))}
    drawn, committed = script.project_picture(results), script.PROJECT_PICTURE.read_text()
    for name, result in results.items():
        title = f"{name}, {result['data']['labels']:,} labels"
        assert title in drawn
        assert title in committed
    assert "(docs/accuracy.svg)" in script.PROJECT_README.read_text()


def test_without_a_system_to_run_the_pages_are_written_all_the_same(script, monkeypatch):
    monkeypatch.setattr(script, "compare", lambda *_: pytest.fail("no system is left to run"))
    monkeypatch.setattr(script, "RESULTS", FOLDER / "results")
    written = []
    monkeypatch.setattr(script, "write_readme", lambda: written.append(True))
    monkeypatch.setattr(sys, "argv", ["run.py", "cooking", "--systems", "mhc"])
    script.main()
    assert written == [True]


def test_every_system_has_its_script_and_its_environment(script):
    systems = script.SYSTEMS.values()
    assert {path.name for path in FOLDER.glob("fit_*.py")} == {system.script for system in systems}
    assert {system.environment for system in systems} == {None, *script.REQUIREMENTS}
    assert len(script.MARKERS) == len(script.SYSTEMS)
