import json
import runpy
from pathlib import Path

import pytest

from xmlc_mhe.experiments.recipe import read_recipe
from xmlc_mhe.experiments.runs import RESULT, run_recipe

ROOT = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(path for path in ROOT.glob("*/*.toml") if path.name != "published.toml")
every_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def test_there_are_recipes_and_results():
    assert len(RECIPES) >= 14
    assert len(list(ROOT.glob(f"*/*{RESULT}"))) >= 0


@every_recipe
def test_a_recipe_can_be_built_and_names_its_own_command(path):
    recipe = read_recipe(path)
    recipe.build(has_texts=True)
    assert recipe.data == path.parent.name
    assert path.read_text().startswith(f"# xmlc-mhe run recipes/{path.parent.name}/{path.name}")


@every_recipe
def test_a_result_is_of_the_recipe_as_it_stands(path):
    result_path = path.with_name(path.stem + RESULT)
    if not result_path.exists():
        pytest.skip("not run: its data is not at hand")
    recipe, result = read_recipe(path), json.loads(result_path.read_text())
    filled = json.loads(json.dumps(recipe.filled(has_texts="features" not in result["data"])))
    for table in ("features", "model", "evaluation"):
        assert {name: filled[table][name] for name in result["recipe"][table]} == result["recipe"][table]
    assert result["commit"] and not result["commit"].endswith("+changes")


def test_the_table_of_results_is_made_from_the_results():
    table_of = runpy.run_path(str(ROOT / "make_table.py"))["table_of"]
    assert (ROOT / "README.md").read_text() == table_of(ROOT)


def test_the_table_has_empty_cells_where_nothing_was_run(tmp_path):
    script = runpy.run_path(str(ROOT / "make_table.py"))
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "mhc.toml").write_text('data = "new"\n')
    (folder / "published.toml").write_text('note = "From papers."\n[P]\n"Other" = [50, 40.5, 30]\n')
    lines = script["table_of"](tmp_path).splitlines()
    ours, other = lines[lines.index("| " + " | ".join(["---"] * 14) + " |") + 1 :][:2]
    assert set(ours.split("|")[2:-1]) == {"  "}
    assert other.split("|")[1:6] == [" Other ", " 50.00 ", " 40.50 ", " 30.00 ", "  "]
    assert "Not run yet." in lines
    assert lines[-1] == "From papers."


def test_a_recipe_gives_the_figures_of_its_result_again(shared):
    """Within half a point, as other versions of numpy may order documents differently."""
    path = ROOT / "cooking" / "mhc.toml"
    if not path.with_name(path.stem + RESULT).exists():
        pytest.skip("not run yet")
    recipe = read_recipe(path)
    found, _ = run_recipe(recipe, name="again", data_dir=shared / "data", threads=2)
    recorded = json.loads(path.with_name(path.stem + RESULT).read_text())
    for metric, value in recorded["metrics"].items():
        assert found["metrics"][metric] == pytest.approx(value, abs=0.005)
    assert found["data"] == recorded["data"]
