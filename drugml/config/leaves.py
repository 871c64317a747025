"""Nested sections, value by value."""

from collections.abc import Iterator, Mapping
from typing import Any

from drugml.config.variants import Key


def leaves(value: Any, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every value and where it stands; a list is one value, and an empty section too."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*key, name))
    else:
        yield key, value


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """Nested sections to dotted keys."""
    return {".".join(map(str, k)): v for name in config for k, v in leaves(config[name], (name,))}
