"""Specs as YAML that the loader reads back."""

from typing import Any

import yaml

from drugml.config.base import Spec


class _Dumper(yaml.SafeDumper):
    """Short lists on one line, strings that YAML 1.1 or 1.2 would misread in quotes."""


def _sequence(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_Dumper.add_representer(list, _sequence)


def to_yaml(spec: Spec) -> str:
    """The whole spec, defaults included; loading the text gives an equal spec."""
    return yaml.dump(spec.model_dump(mode="json"), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
