"""What pydantic found wrong with a config, as lines that point at the place."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ValidationError

from drugml.config.variants import TAGS, Key, Origins, inside, variant_at, variants_at
from drugml.errors import nearest


def explained(error: ValidationError, schema: type[BaseModel], data: Any, where: Origins) -> Iterator[str]:
    """A line for each mistake; of a value that may be of several kinds, one for all of them."""
    errors = error.errors(include_url=False)
    for key, group in groupby(errors, lambda e: _without_tags(e["loc"], data)):
        at = next(where[key[:n]] for n in range(len(key), -1, -1) if key[:n] in where)
        plain: list[str] = []
        for e in group:
            match e["type"]:
                case "extra_forbidden":
                    fields = variant_at(schema, data, key[:-1]).model_fields
                    yield f"{at}: unknown key {dotted(key)}; {nearest(str(key[-1]), fields)}"
                case "union_tag_invalid" | "union_tag_not_found":
                    yield _no_variant(e, schema, data, where, key, at)
                case "missing":
                    yield f"{at}: {dotted(key)} is required"
                case "value_error":
                    what = f"{dotted(key)}: " if key else ""
                    yield f"{at}: {what}{e['msg'].removeprefix('Value error, ')}"
                case _:  # one for each kind of value that it may be
                    said = f"{e['msg'][0].lower()}{e['msg'][1:]}"
                    plain.append(said.removeprefix("input should be ") if plain else said)
        if plain:
            yield f"{at}: {dotted(key)} = {e['input']!r}: {', or '.join(plain)}"


def _no_variant(e: Any, schema: type[BaseModel], data: Any, where: Origins, key: Key, at: str) -> str:
    tag = e["ctx"]["discriminator"].strip("'")
    names = [str(v.model_fields[tag].default) for v in variants_at(schema, data, key)]
    at = where.get((*key, tag), at)
    got = e["ctx"].get("tag")
    what = f"there is no {dotted(key)} called {got!r}" if got else f"{dotted(key)} needs a {tag}"
    return f"{at}: {what}; {nearest(got or '', names)}"


def dotted(key: Key) -> str:
    """A key as a user writes it, for messages."""
    return "`" + ".".join(map(str, key)) + "`"


def _without_tags(loc: Key, data: Any) -> Key:
    """Undo pydantic's habit of adding the chosen variant to a location: model.gin.depth, batch_size.constrained-int."""
    key: list[str | int] = []
    for part in loc:
        if key and data is not None and not isinstance(data, Mapping | list | tuple):
            break
        if isinstance(data, Mapping) and part not in data and part in [data.get(t) for t in TAGS]:
            continue
        key.append(part)
        data = inside(data, part)
    return tuple(key)
