"""Who is told what happens during training."""

from typing import Protocol


class Listener(Protocol):
    """Told after every batch and epoch; must not fail. What it raises on purpose after an epoch ends the training."""

    def begin(self, history: list[dict[str, float]]) -> None:
        """Training begins; `history` has the metrics of the epochs that a resumed run has behind it."""
        ...

    def batch(self, epoch: int, done: int, total: int) -> None:
        """A batch of an epoch is done; called without waiting for the device."""
        ...

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        """An epoch, counted from 0, is done; `metrics` has keys such as val/rmse; `best` so far by the monitor."""
        ...

    def end(self) -> None:
        """Training is over, however it ended."""
        ...


class Silent:
    """Tells nobody."""

    def begin(self, history: list[dict[str, float]]) -> None:
        """Nothing."""

    def batch(self, epoch: int, done: int, total: int) -> None:
        """Nothing."""

    def epoch(self, epoch: int, epochs: int, metrics: dict[str, float], best: bool) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""
