"""One run trained by several processes: how they come together, what the first tells the others, and how all end.

The first process does all that a run is: it reads, records, tests and registers. The others wait for fits, in which
they take part. They read the table again, so that nothing large travels; hashes prove that all have the same data.
"""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import distributed
from torch.distributed import FileStore  # type: ignore[attr-defined]

from drugml.config.run import RunSpec
from drugml.config.training import TrainSpec
from drugml.data.chunks import cores
from drugml.errors import UserError
from drugml.interrupts import ignore
from drugml.runs.dataset import Dataset, prepare
from drugml.runs.members import members_of
from drugml.training.fit import fit
from drugml.training.listener import Silent
from drugml.training.ranks import Ranks

log = logging.getLogger(__name__)
PATIENCE = timedelta(hours=1)
"""How long a process waits for the others; the first one tests and records between fits."""
GRACE = 10
"""Seconds in which a process may say why it failed."""
_others: list[BaseProcess] = []
"""Processes that this one has started, by rank from 1."""


@contextmanager
def together(spec: TrainSpec) -> Iterator[None]:
    """Have the processes that a config asks for, for the fits inside: started here, or by torchrun.

    Raises:
        UserError: if torchrun started another number of them, or several nodes are wanted without it.
    """
    world, there = spec.devices * spec.nodes, Ranks.now().world
    if there > 1 and there != world:
        raise UserError(
            f"torchrun started {there} processes, but train.devices = {spec.devices} and train.nodes = {spec.nodes} "
            f"make {world}; let --nproc-per-node be train.devices and --nnodes train.nodes"
        )
    if world == there:
        yield
        return
    if spec.nodes > 1:
        raise UserError(
            f"train.nodes = {spec.nodes}: several nodes are started by torchrun on each of them; see docs/scale.md"
        )
    with TemporaryDirectory() as folder, _threads(spec):
        meeting = str(Path(folder, "meeting"))
        context = get_context("spawn")  # RDKit and torch have threads, which a fork would lose
        _others[:] = [context.Process(target=_other, args=(r, world, meeting), daemon=True) for r in range(1, world)]
        try:
            for process in _others:
                process.start()
            _wait_for_others(Path(folder))
            _join(0, world, meeting)
            yield
            _tell({})
            for process in _others:
                process.join(GRACE)
        finally:
            for process in (p for p in _others if p.pid is not None):
                process.kill()  # it may wait for a process that is gone, and has nothing to lose
                process.join()
            _others.clear()
            if distributed.is_initialized():
                distributed.destroy_process_group()


@contextmanager
def joined() -> Iterator[bool]:
    """Join the processes that torchrun started; all but the first take part in its fits.

    Yields whether this process has been one of the others, so that nothing is left to do.
    """
    rank = int(os.environ["RANK"])
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    _join(rank, int(os.environ["WORLD_SIZE"]), None)
    try:
        if rank:
            logging.getLogger("drugml").setLevel(logging.ERROR)  # the first one says all
            _follow()
        yield rank > 0
    except SystemExit as end:  # as a command ends
        if not rank and not end.code:
            _tell({})
        raise
    finally:
        distributed.destroy_process_group()


@contextmanager
def joint(dataset: Dataset, checkpoint: Path, again: str) -> Iterator[None]:
    """Have the other processes, if there are any, take part in the fit inside.

    Args:
        dataset: what is learned, with the config.
        checkpoint: of the fit.
        again: the command that goes on after a failure, for messages.

    Raises:
        UserError: if one of the others is gone.
    """
    if Ranks.now().world == 1:
        yield
        return
    try:
        config = dataset.config.model_dump(mode="json")
        _tell({"config": config, "hashes": _hashes(dataset), "checkpoint": str(checkpoint)})
        yield
    except RuntimeError as error:
        raise _explained(error, again) from error


def _explained(error: RuntimeError, again: str) -> Exception:
    """What became of the others, if that is why a fit failed."""
    ended = wait([p.sentinel for p in _others], GRACE)
    for process in _others:
        if process.sentinel in ended:
            process.join(GRACE)  # the sentinel is told a moment earlier than the exit code
    why = _gone()
    if why is None and (isinstance(error, distributed.DistError) or "peer" in str(error).lower()):
        why = f"another process of this run is gone: {str(error).splitlines()[0]}"
    if why is None:
        return error
    return UserError(f"{why}. All have ended; go on from the last epoch with: {again}")


def _gone() -> str | None:
    """Which of the others has ended, and how."""
    for rank, process in enumerate(_others, 1):
        if (code := process.exitcode) is not None:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            return f"process {rank + 1} of {len(_others) + 1}, which trains with this one, {how}"
    return None


def _wait_for_others(folder: Path) -> None:
    """Until all are ready to join: nobody would notice the end of one while joining.

    Raises:
        UserError: if one has ended.
    """
    while len([*folder.glob("ready-*")]) < len(_others):
        if (why := _gone()) is not None:
            raise UserError(f"{why} before it began; what it says is above. Is there memory for all of them?")
        time.sleep(0.05)


def _other(rank: int, world: int, meeting: str) -> None:
    """What a process does that was started here."""
    ignore()  # Ctrl-C reaches all; the first one ends the others
    logging.getLogger("drugml").setLevel(logging.ERROR)  # the first one says all
    threading.Thread(target=_end_with_first, daemon=True).start()
    if torch.cuda.is_available():
        torch.cuda.set_device(rank)
    torch.set_num_threads(_share_of_cores(world))
    Path(meeting).with_name(f"ready-{rank}").touch()
    _join(rank, world, meeting)
    _follow()


def _end_with_first() -> None:
    first = parent_process()
    assert first is not None
    first.join()
    os._exit(1)


def _join(rank: int, world: int, meeting: str | None) -> None:
    """Enter the process group: gloo on CPUs, and NCCL beside it where there are GPUs."""
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    store: Any = FileStore(meeting, world) if meeting else None
    distributed.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=PATIENCE)


def _tell(job: dict[str, Any]) -> None:
    """Send a job to the others; an empty one is the end."""
    text = torch.frombuffer(bytearray(json.dumps(job).encode()), dtype=torch.uint8)
    distributed.broadcast(torch.tensor([len(text)]), src=0)
    distributed.broadcast(text, src=0)


def _told() -> dict[str, Any]:
    size = torch.zeros(1, dtype=torch.int64)
    distributed.broadcast(size, src=0)
    text = torch.zeros(int(size), dtype=torch.uint8)
    distributed.broadcast(text, src=0)
    job: dict[str, Any] = json.loads(bytes(text.tolist()))
    return job


def _follow() -> None:
    """Take part in fits until there are no more, or the first process is gone."""
    dataset: Dataset | None = None
    while True:
        try:
            job = _told()
        except RuntimeError:  # the first one says why it ends
            raise SystemExit(1) from None
        if not job:
            return
        config = RunSpec.model_validate(job["config"])
        if dataset is None or dataset.config != config:
            dataset = _prepared(config)
        if (own := _hashes(dataset)) != job["hashes"]:
            raise RuntimeError(f"process {Ranks.now().rank + 1} has other data or folds: {own}, not {job['hashes']}")
        try:
            fit(config.with_member_seed(), dataset.training, Path(job["checkpoint"]), Silent())
        except UserError as error:
            time.sleep(GRACE)  # the first one has it too, says it, and ends this process
            log.error("process %d: %s", Ranks.now().rank + 1, error)
            raise SystemExit(1) from None


def _prepared(config: RunSpec) -> Dataset:
    """As `drugml train` does, from a config without any `auto`."""
    dataset = prepare(config)
    member = config.ensemble.member
    return dataset if member is None else members_of(dataset)[member - 1]


def _hashes(dataset: Dataset) -> list[str]:
    return [dataset.judged.hash, dataset.training.plan.hash]


def _share_of_cores(world: int) -> int:
    return max(1, cores() // world)


@contextmanager
def _threads(spec: TrainSpec) -> Iterator[None]:
    """Share the cores with processes on the same machine; what Lightning does to the environment is undone."""
    threads, variable = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    if spec.accelerator == "cpu" or not torch.cuda.is_available():
        torch.set_num_threads(_share_of_cores(spec.devices))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if variable is None:
            os.environ.pop("OMP_NUM_THREADS", None)
