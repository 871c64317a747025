"""Which spec stands at a key of a config, where a section may be one of several."""

from collections.abc import Mapping
from functools import reduce
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

Key = tuple[str | int, ...]
Origins = dict[Key, str]
"""Where each value was written: `herg.yaml:14` or `override 'train.lr=1'`."""

TAGS = ("name", "kind")
"""Fields that choose a variant; changing one replaces its section instead of merging into it."""


def inside(data: Any, part: str | int) -> Any:
    """What stands at one part of a key; None where nothing does."""
    try:
        return data[part]
    except (KeyError, IndexError, TypeError):
        return None


def variants_at(schema: type[BaseModel], data: Any, key: Key) -> list[type[BaseModel]]:
    """The spec classes that may stand at `key`."""
    found, entries = [schema], list[type[BaseModel]]()
    named = False
    for n, part in enumerate(key):
        if named:  # the name of an entry, chosen by the user: data.labels.pKi
            named = False
            continue
        if isinstance(part, int):  # an entry of a list: featurizer.parts.0
            found, entries = entries, []
            continue
        annotation = variant_at(schema, data, key[:n]).model_fields[part].annotation
        named = get_origin(annotation) is dict
        found, entries = _specs(annotation), []
        if _listed(annotation):
            found, entries = [], found
    return found


def _listed(annotation: Any) -> bool:
    """Whether a field is a list; it may be annotated, or None instead."""
    inner = get_args(annotation)[:1] if get_origin(annotation) in (Annotated, UnionType, Union) else ()
    return get_origin(annotation) is tuple or any(map(_listed, inner))


def _specs(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [spec for inner in get_args(annotation) for spec in _specs(inner)]


def variant_at(schema: type[BaseModel], data: Any, key: Key) -> type[BaseModel]:
    """The spec class that does stand at `key`, judging by its tag."""
    options = variants_at(schema, data, key)
    data = reduce(inside, key, data)
    if not isinstance(data, Mapping):
        return options[0]
    return next((o for o in options for t in TAGS if t in data and o.model_fields[t].default == data[t]), options[0])
