"""Versions of what a number depends on."""

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import drugml

PACKAGES = ("rdkit", "torch", "numpy", "scipy", "scikit-learn", "lightning", "mlflow", "chembl-structure-pipeline")


def versions() -> dict[str, str]:
    """Package to version, drugml and Python included; what is not installed is left out."""
    return {"drugml": drugml.__version__, "python": platform.python_version(), **_installed()}


@cache
def _installed() -> dict[str, str]:
    """Looked up once: each look reads a file, and a run asks again and again."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


IRRELEVANT = ("lightning", "mlflow", "scikit-learn")
"""Packages that no prediction depends on."""


def relevant() -> dict[str, str]:
    """The versions that a prediction depends on."""
    return {k: v for k, v in versions().items() if k not in IRRELEVANT}


def processor() -> str:
    """The instruction set that torch computes with on the CPU, on which the last digits depend."""
    import torch

    return str(torch.backends.cpu.get_cpu_capability())


@cache
def source() -> str:
    """SHA-256 over the code of drugml itself: a version number says nothing of changes between releases."""
    root, found = Path(drugml.__file__).parent, hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        found.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes())
    return found.hexdigest()


def surroundings() -> dict[str, str]:
    """What the last digit of a trained model depends on besides config and data: code, packages, hardware."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    threads = str(torch.get_num_threads())
    return {**versions(), "source": source()[:12], "device": device, "processor": processor(), "threads": threads}
