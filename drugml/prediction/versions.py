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
