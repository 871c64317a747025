"""Ctrl-C reaches Python, whatever RDKit does with the signal's handler."""

import subprocess
import sys
import textwrap

import pytest

HEAD = """
    import os, signal, sys, threading, time
    from drugml.interrupts import ignore, route
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # the process of the tests may have it blocked
    {first}
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    def press():
        os.kill(os.getpid(), signal.SIGINT)

    calls = []

    def stop(number, frame):
        calls.append(number)
        print("handler of", signal.Signals(number).name)

    def wait_for(number):
        until = time.monotonic() + 30
        while len(calls) < number and time.monotonic() < until:
            time.sleep(0.01)

    signal.signal(signal.SIGINT, stop)
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"))
    mol.HasSubstructMatch(Chem.MolFromSmarts("c1ccccc1"))  # takes the handler
"""


def said(first: str, body: str) -> str:
    code = textwrap.dedent(HEAD).format(first=first) + textwrap.dedent(body)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    return done.stdout


def test_rdkit_takes_the_handler_still() -> None:
    """If this fails, RDKit gives it back; see whether it still keeps a signal that comes during a call for itself."""
    assert said("", "press(); print('nothing')") == "nothing\n"


@pytest.mark.parametrize("again", [1, 3])
def test_each_signal_reaches_its_handler(again: int) -> None:
    body = f"""
    for number in range({again}):
        press()
        wait_for(number + 1)
    """
    assert said("route()", body) == "handler of SIGINT\n" * again


def test_a_wait_of_the_main_thread_is_left() -> None:
    body = """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.3, press).start()
    start = time.monotonic()
    try:
        threading.Event().wait(60)
    except KeyboardInterrupt:
        print("left early", time.monotonic() - start < 30)
    """
    assert said("route()", body) == "left early True\n"


def test_rdkit_ends_nothing_early() -> None:
    """RDKit gives up embedding at the signal; here all conformers come, then the handler is called."""
    body = """
    threading.Timer(0.05, press).start()
    print(len(rdDistGeom.EmbedMultipleConfs(mol, 300, randomSeed=1)))
    wait_for(1)
    """
    assert sorted(said("route()", body).split("\n")) == ["", "300", "handler of SIGINT"]


def test_multiprocessing_does_not_bring_it_back() -> None:
    body = """
    import multiprocessing
    multiprocessing.get_context("forkserver").Lock()  # starts its tracker, which unblocks SIGINT
    mol.HasSubstructMatch(Chem.MolFromSmarts("c1ccccc1"))
    press()
    wait_for(1)
    """
    assert said("route()", body) == "handler of SIGINT\n"


def test_a_process_that_leaves_it_to_another_hears_nothing() -> None:
    body = """
    ignore()
    mol.HasSubstructMatch(Chem.MolFromSmarts("c1ccccc1"))
    press()
    press()
    print("goes on")
    """
    assert said("", body) == "goes on\n"
