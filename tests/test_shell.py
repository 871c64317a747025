"""The shell: fast help, the zoo, the schema, and the commands of the README."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from drugml.cli import main
from drugml.cli.measured import read, results
from drugml.cli.models import zoo
from tests.conftest import ROOT, Cli


def said_by(program: str) -> str:
    """What a program prints in a process of its own, which must end well."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_imports_nothing_heavy() -> None:
    """What makes it slow is what it imports; `scripts/benchmark_start.py` measures the time."""
    program = (
        "import sys\nfrom drugml.cli.main import main\nsys.argv = ['drugml', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'pandas', 'numpy', 'rdkit', 'lightning', 'mlflow', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    assert "Train a model, log it to MLflow and register it." in said_by(program)


def test_config_and_zoo_commands_are_light() -> None:
    program = (
        "import sys\nfrom drugml.cli.main import main\n"
        "for args in (['models', 'list'], ['featurizers', 'list'], ['config', 'schema']):\n"
        "    sys.argv = ['drugml', *args]\n"
        "    try: main()\n    except SystemExit: pass\n"
        "assert not {'torch', 'rdkit', 'mlflow', 'pandas'} & set(sys.modules)\n"
    )
    said_by(program)


def test_the_zoo_is_listed_and_shown(cli: Cli) -> None:
    listed = cli("models", "list").out
    assert [line.split()[0] for line in listed.splitlines()] == [
        "dmpnn",
        "attentivefp",
        "cmpnn",
        "gat",
        "gatv2",
        "gatedgcn",
        "gcn",
        "gin",
        "gine",
        "gps",
        "graphormer",
        "graphsage",
        "mlp",
        "mpnn",
        "pna",
        "schnet",
        "painn",
        "dimenet",
        "visnet",
        "mean",
        "forest",
        "knn",
        "gp",
        "svm",
        "boosting",
        "xgboost",
        "lightgbm",
        "catboost",
    ]
    assert re.search(r"dmpnn +2D graph +227,700  Directed .*doi:10.1021/acs.jcim.9b00237", listed)
    assert re.search(r"mlp +vector +1,422,848  ", listed)
    assert re.search(r"forest +baseline +Random", listed)
    shown = cli("models", "show", "dmpnn").out
    assert "model.hidden_dim       300       Width of every directed-bond embedding." in shown
    assert "featurizer by default: chemprop_v2" in shown
    assert "learns 227,700 numbers at these values, without the head" in shown
    assert "Differs from the paper: norm pooling (sum / 100) by default" in shown
    for name in zoo():
        card = cli("models", "show", name)
        assert card.code == 0
        assert not re.search(r"`[A-Z]|:math:", card.out), "speaks of code or of formulas that a reader does not see"


def test_what_was_measured_is_shown_as_it_is_documented(cli: Cli) -> None:
    """Every fit of the file is one of the zoo's, and the documented table is that of the file."""
    documented = (ROOT / "docs/zoo.md").read_text()
    found = results(read(ROOT / "configs/measured.csv"))
    assert found
    for model in {r.fits[0].model for r in found}:
        assert model in zoo()
        shown = cli("models", "show", model).out
        for r in found:
            if r.fits[0].model == model:
                test = f"{r.fits[0].metric} {r.score}"
                assert f"measured: {r.fits[0].set}, test {test}, {r.how}" in shown
                assert f"| {r.fits[0].set} | {model} | {test} | {r.how} |" in documented


def test_the_schema_describes_every_section(cli: Cli) -> None:
    schema = json.loads(cli("config", "schema").out)
    assert set(schema["properties"]) == {
        "data",
        "task",
        "featurizer",
        "model",
        "head",
        "train",
        "ensemble",
        "tracking",
    }
    assert schema["$defs"]["TrainSpec"]["properties"]["lr"]["description"] == "Peak learning rate."


def test_the_version_is_printed(cli: Cli) -> None:
    import drugml

    assert cli("--version").out.strip() == drugml.__version__


def test_every_command_of_the_readme_runs(place: Path, cli: Cli) -> None:
    """Shell blocks of the README, in order; installing and the UI are run by the scripts and the browser test."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    commands = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    commands = [c for c in commands if c.startswith("drugml ") and not c.startswith("drugml ui")]
    assert len(commands) >= 5
    (place / "molecules.csv").write_text("id,SMILES\na,CCO\nb,junk\n")
    for command in commands:
        arguments = shlex.split(command)[1:]
        if arguments[0] == "train":
            arguments += ["train.epochs=1", "model.hidden_dim=16"] if "forest" not in command else ["model.trees=3"]
        if "ensemble" in command:
            arguments += ["ensemble.members=2"]
        if arguments[0] == "cv":
            arguments += ["--repeats", "1", "--jobs", "1", *(["model.trees=3"] if "forest" in command else [])]
        done = cli(*arguments)
        assert done.code == 0, f"{command}: {done.err}"


def test_scripts_of_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text()
    for script in re.findall(r"\./(scripts/[a-z_]+\.sh)", text):
        assert (ROOT / script).stat().st_mode & 0o111, script


def test_shell_scripts_are_sound() -> None:
    for script in [*sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci" / "run"]:
        done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_no_file_is_over_300_lines() -> None:
    for path in [*(ROOT / "drugml").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        assert len(path.read_text().splitlines()) <= 300, path


def test_a_process_ends_without_looking_for_cycles_and_only_then_stops_to() -> None:
    program = (
        "import atexit, gc, sys\nfrom drugml.cli import main\n"
        "atexit.register(lambda: print('frozen', gc.get_freeze_count(), *gc.get_threshold()))\n"
        "sys.argv = ['drugml', '--help']\ntry: main.main()\nexcept SystemExit: pass\n"
        "print('meanwhile', gc.get_freeze_count())\n"
    )
    *_, meanwhile, end = said_by(program).splitlines()
    assert meanwhile == "meanwhile 0"
    frozen, *threshold = map(int, end.removeprefix("frozen ").split())
    assert frozen > 1000
    assert tuple(threshold) == main.COLLECT
