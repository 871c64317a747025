"""What a user sees of a run: a bar in a terminal, plain lines in a file, and a terminal left as it was."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import QUICK, Cli


def in_a_terminal(arguments: list[str], folder: Path) -> str:
    """Output of `drugml ARGS` with a real terminal as stdout and stderr."""
    master, slave = pty.openpty()
    command = [sys.executable, "-c", "from drugml.cli.main import main; main()", *arguments]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    process = subprocess.Popen(command, cwd=folder, stdout=slave, stderr=slave, stdin=slave, env=environment)
    os.close(slave)
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux says so when the last writer is gone
            break
        if not part:
            break
        seen += part
    process.wait()
    os.close(master)
    return seen.decode()


def shown(text: str) -> list[str]:
    """Lines without colours and cursor movements, as the terminal has them in the end."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return [line.rsplit("\r", 1)[-1] for line in plain.replace("\r\n", "\n").split("\n")]


def test_a_bar_in_a_terminal_leaves_whole_lines_and_the_cursor(place: Path, small: Path) -> None:
    """Early stop, so that the last epoch comes unannounced."""
    stop = ["train.epochs=40", "train.patience=1", "train.lr=0.5", "train.schedule=constant"]
    text = in_a_terminal(["train", str(small), "--target", "size", *QUICK[:2], *QUICK[3:], *stop], place)
    assert "\x1b[?25l" in text, text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert re.search(r"epoch 1 .*\d/3", text)
    epochs = [line for line in shown(text) if re.match(r"epoch +\d+/40 ", line)]
    assert 2 <= len(epochs) < 40
    assert any(line.startswith("run       ") for line in shown(text))


def test_a_loss_that_explodes_leaves_the_cursor_as_well(place: Path, small: Path) -> None:
    text = in_a_terminal(
        ["train", str(small), "--target", "size", *QUICK, "train.lr=1e30", "train.schedule=constant"], place
    )
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert any("error: epoch 1: the training loss is" in line for line in shown(text)), text


def test_plain_lines_anywhere_else(place: Path, small: Path, cli: Cli) -> None:
    done = cli("train", small, "--target", "size", *QUICK)
    assert "\x1b" not in done.err
    assert re.search(r"^epoch   2/2  train/loss \d", done.err, re.MULTILINE)
