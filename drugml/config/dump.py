"""Specs as YAML that the loader reads back."""

from typing import Any

import yaml

from drugml.config.base import Spec
from drugml.config.load import Yaml12

STRING = "tag:yaml.org,2002:str"
LOADER: Any = Yaml12("")


class _Dumper(yaml.SafeDumper):
    """Short lists on one line; strings in quotes that YAML 1.1 or the loader's YAML 1.2 would misread: `NO`, `1e-4`."""


def _sequence(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    misread = LOADER.resolve(yaml.ScalarNode, value, (True, False)) != STRING
    return dumper.represent_scalar(STRING, value, style="'" if misread else None)


_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(str, _text)


def to_yaml(spec: Spec) -> str:
    """The whole spec, defaults included; loading the text gives an equal spec."""
    return yaml.dump(spec.model_dump(mode="json"), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
