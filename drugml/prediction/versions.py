"""Versions of what a number depends on."""

import platform
from importlib.metadata import PackageNotFoundError, version

import drugml

PACKAGES = ("rdkit", "torch", "numpy", "scipy", "scikit-learn", "lightning", "mlflow", "chembl-structure-pipeline")


def versions() -> dict[str, str]:
    """Package to version, drugml and Python included; what is not installed is left out."""
    found = {"drugml": drugml.__version__, "python": platform.python_version()}
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
