"""What a user sees of a run: a bar in a terminal, plain lines in a file, and a terminal left as it was."""

import logging
import os
import pty
import re
import select
from pathlib import Path

import pytest

from drugml.data import progress
from tests.conftest import QUICK, Cli
from tests.processes import Drugml


def in_a_terminal(arguments: list[str], folder: Path) -> str:
    """Output of `drugml ARGS` with a real terminal as stdout and stderr."""
    master, slave = pty.openpty()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "200")
        process = Drugml(*arguments, cwd=folder, terminal=os.ttyname(slave))
    seen, over = b"", False
    while not over:
        over = process.poll() is not None  # asked before the last look at what it has written
        while select.select([master], [], [], 0.0 if over else 0.05)[0]:
            seen += os.read(master, 65536)
    os.close(slave)
    os.close(master)
    return seen.decode()


def shown(text: str) -> list[str]:
    """Lines without colours and cursor movements, as the terminal has them in the end."""
    return [line.rsplit("\r", 1)[-1] for line in plain(text).replace("\r\n", "\n").split("\n")]


def plain(text: str) -> str:
    """All that was ever drawn, without colours and cursor movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


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
    assert any("error: epoch 1, step 2 of 3: the training loss is" in line for line in shown(text)), text


def test_plain_lines_anywhere_else(place: Path, small: Path, cli: Cli) -> None:
    done = cli("train", small, "--target", "size", *QUICK)
    assert "\x1b" not in done.err
    assert re.search(r"^epoch   2/2  train/loss \d", done.err, re.MULTILINE)


def test_a_bar_of_the_molecules_with_rate_and_time_left(place: Path) -> None:
    """1,058 molecules are two chunks, so that there is something to wait for after the first."""
    for arguments, what in (
        (["data", "check", "drugml:b3db-logbb"], "molecules inspected"),
        (["data", "curate", "drugml:b3db-logbb", "--target", "logBB", "--out", "c.csv"], "molecules prepared"),
    ):
        text = in_a_terminal(arguments, place)
        assert re.search(what + r" .*1000/1058 .*\d per second, \d+ s left", plain(text)), text
        assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
        assert text.index("\x1b[1A\x1b[2K") > text.rindex(what)  # its line is wiped in the end
    assert "inspected" not in in_a_terminal(["--quiet", "data", "check", "drugml:b3db-logbb"], place)


def test_lines_say_rate_and_time_left(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with caplog.at_level(logging.INFO, "drugml"), progress.progress(41127, "molecules prepared") as done:
        for count in (0, 12000, 41127):
            done(count)
    first, second = caplog.messages  # nothing is said at the end
    assert first == "0 of 41,127 molecules prepared, just begun"
    assert re.fullmatch(r"12,000 of 41,127 molecules prepared, [\d,]+ per second, \d+ s left", second)


def test_what_was_done_before_tells_nothing_of_the_rate(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with caplog.at_level(logging.INFO, "drugml"), progress.progress(2000, "rows", begun=1000) as done:
        done(1000)
    assert caplog.messages == ["1,000 of 2,000 rows, just begun"]


def test_the_display_ends_where_work_fails() -> None:
    ended = []

    class Display(progress.Lines):
        def end(self) -> None:
            ended.append(True)

    progress.show_with(Display)
    try:
        with pytest.raises(ValueError, match="broken"), progress.progress(2, "molecules"):
            raise ValueError("broken")
    finally:
        progress.show_with(progress.Lines)
    assert ended == [True]


@pytest.mark.parametrize(
    ("count", "seconds", "said"),
    [
        (0, 5.0, "just begun"),
        (1000, 1.0, "1,000 per second, 9 s left"),
        (5, 10.0, "0.5 per second, 5 h 33 min left"),
        (100, 10.0, "10 per second, 16 min 30 s left"),
        (10_000, 4.0, "2,500 per second, 0 s left"),
    ],
)
def test_rate_and_time_left(count: int, seconds: float, said: str) -> None:
    assert progress.pace(count, 10_000, seconds) == said
