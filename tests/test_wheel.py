"""What a plain `pip install` gets."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import ROOT


def test_presets_and_embedded_tables_are_inside_the_wheel(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        file.extractall(tmp_path / "installed")
    assert {
        "drugml/configs/presets/quick.yaml",
        "drugml/configs/search/gnn.yaml",
        "drugml/configs/measured.csv",
        "drugml/data/embedded/b3db-class.csv.gz",
        "drugml/py.typed",
    } <= names
    assert not {n for n in names if n.startswith(("tests/", "scripts/"))}
    config = tmp_path / "run.yaml"
    config.write_text("base: drugml:quick\ndata: {path: drugml:b3db-logbb, targets: [logBB]}\n")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r}); sys.argv = ['drugml', 'train', "
        f"{str(config)!r}, '--dry-run']; import drugml; assert 'installed' in drugml.__file__; "
        "from drugml.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "b3db-logbb: 1,058 rows, 1,058 molecules used; train" in done.stdout
