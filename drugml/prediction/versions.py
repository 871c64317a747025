"""Versions of what a number depends on."""

import hashlib
import platform
from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path

import drugml
from drugml.config.plugins import packages
from drugml.featurizers import featurizer

PACKAGES = ("rdkit", "torch", "numpy", "scipy", "scikit-learn", "lightning", "mlflow", "chembl-structure-pipeline")
LIBRARIES = {
    "xgboost": ("xgboost", "xgboost-cpu"),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    **{name: (package,) for name, package in featurizer.PACKAGES.items()},
}
"""Model or descriptors to the packages of which one holds their library."""


def versions() -> dict[str, str]:
    """Package to version, drugml, its plug-ins and Python included; what is not installed is left out."""
    return {"drugml": drugml.__version__, "python": platform.python_version(), **packages(), **_installed()}


@cache
def _installed() -> dict[str, str]:
    """Looked up once: each look reads a file, and a run asks again and again."""
    found = {}
    for name in (*PACKAGES, *chain(*LIBRARIES.values())):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


IRRELEVANT = ("lightning", "mlflow", "scikit-learn")
"""Packages that no prediction depends on."""


def used(names: Collection[str]) -> dict[str, str]:
    """All versions but those of libraries that no part of these names needs."""
    idle = {*chain(*(of for name, of in LIBRARIES.items() if name not in names))}
    return {k: v for k, v in versions().items() if k not in idle}


def relevant(names: Collection[str] = ()) -> dict[str, str]:
    """The versions that predictions depend on, of models with parts of these names."""
    return {k: v for k, v in used(names).items() if k not in IRRELEVANT}


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


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What something was made with and what is used now, where they differ."""
    names = [*dict.fromkeys([*then, *now])]
    return [f"{n} {then.get(n, 'absent')} then, {now.get(n, 'absent')} now" for n in names if then.get(n) != now.get(n)]
