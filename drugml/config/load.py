"""Read a run config: YAML 1.2, presets, dotted overrides, errors that point at the line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from drugml.config.leaves import leaves
from drugml.config.mistakes import dotted, explained
from drugml.config.variants import TAGS, Key, Origins, inside, variant_at, variants_at
from drugml.errors import UserError, nearest

S = TypeVar("S", bound=BaseModel)
PRESET = "drugml:"
"""`base: drugml:gine` means the preset gine.yaml that is shipped with the package."""


class ConfigError(UserError):
    """A mistake in a config file or an override; the message is for the user."""


class Yaml12(yaml.SafeLoader):
    """SafeLoader with YAML 1.2 scalars: the SMILES `NO` stays a string, `1e-4` becomes a float."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", list("-+.0123456789")),
):
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)


def load(schema: type[S], path: Path, overrides: Iterable[str] = ()) -> S:
    """Read `path` and what it is based on, apply `KEY=VALUE` overrides, check against `schema`."""
    data, where = read(schema, path)
    return check(schema, data, {(): str(path)} | where, overrides)


def check(schema: type[S], data: dict[str, Any], where: Origins, overrides: Iterable[str] = ()) -> S:
    """Lay `data` on the defaults of `schema`, apply `KEY=VALUE` overrides, validate."""
    data = merge(_defaults(schema), data)
    for item in overrides:
        data = _anchored(_override(data, where, item), Path())
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(explained(error, schema, data, where))) from None


def explain(schema: type[BaseModel], path: Path, overrides: Iterable[str] = ()) -> Iterator[tuple[str, str, str]]:
    """Every value of a valid config: dotted key, value, and where it was written."""
    data, where = read(schema, path)
    spec = check(schema, data, where, overrides)
    for key, value in leaves(spec.model_dump(mode="json")):
        tag_of = where.get(key[:-1]) if key[-1] in TAGS else None  # `model: gine` sets model.name
        yield ".".join(map(str, key)), str(value), where.get(key) or tag_of or "default"


def presets() -> Path:
    """The folder of the shipped presets: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "configs"
    return (inside if inside.is_dir() else package.parent / "configs") / "presets"


def read(schema: type[BaseModel], path: Path, via: tuple[Path, ...] = ()) -> tuple[dict[str, Any], Origins]:
    """Read a file on top of the presets named under its `base:` key, the last of them winning."""
    if path in via:
        raise ConfigError(f"{path}: `base` goes in a circle: {' -> '.join(map(str, (*via, path)))}")
    try:
        data, where = _parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a config: {error}") from None
    base = data.pop("base", [])
    data = _written_out(schema, _anchored(data, path.parent))
    merged: dict[str, Any] = {}
    origins: Origins = {}
    for name in [base] if isinstance(base, str) else base:
        below, written = read(schema, _preset(name, where[("base",)], path.parent), (*via, path))
        merged, origins = merge(merged, below), origins | written
    return merge(merged, data), origins | where


def _preset(name: str, where: str, folder: Path) -> Path:
    if not name.startswith(PRESET):
        return folder / name
    known = sorted(p.stem for p in presets().glob("*.yaml"))
    if (short := name.removeprefix(PRESET)) not in known:
        raise ConfigError(f"{where}: there is no preset {short!r}; {nearest(short, known)}")
    return presets() / f"{short}.yaml"


def _anchored(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Relative paths, `data.path` and that of a split file, are relative to the file in which they stand.

    Those of overrides are relative to the current folder. They become absolute, because the config is written out
    again into the folder of a run, and read from there.
    """
    for key in (("data", "path"), ("data", "split", "path")):
        path = reduce(inside, key, data)
        if isinstance(path, str) and not path.startswith(PRESET):
            patch: Any = str((folder / path).absolute())
            for part in reversed(key):
                patch = {part: patch}
            data = merge(data, patch)
    return data


def _written_out(schema: type[BaseModel], data: dict[str, Any]) -> dict[str, Any]:
    """`model: gine` written as `model: {name: gine}`, at any depth."""
    out = dict(data)
    for key, value in data.items():
        if key not in schema.model_fields:
            continue
        variants = variants_at(schema, data, (key,))
        tag = next((t for v in variants for t in TAGS if t in v.model_fields), None)
        if isinstance(value, str) and tag:
            out[key] = {tag: value}
        elif isinstance(value, dict) and len(variants) == 1:
            out[key] = _written_out(variants[0], value)
    return out


def merge(base: Any, over: Any) -> Any:
    """Lay `over` on `base`: mappings key by key, anything else replaced."""
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    if any(t in base and t in over and over[t] != base[t] for t in TAGS):
        return dict(over)
    return {**base, **{k: merge(base.get(k), v) for k, v in over.items()}}


def _parse(text: str, source: str) -> tuple[dict[str, Any], Origins]:
    loader = Yaml12(text)
    where: Origins = {}
    try:
        if (root := loader.get_single_node()) is None:
            return {}, {}
        for key, node in _walk(root, ()):
            line = node.start_mark.line + 1
            if key in where:
                raise ConfigError(f"{source}:{line}: {dotted(key)} is already set at {where[key]}")
            where[key] = f"{source}:{line}"
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigError(f"{source}:{at}: not valid YAML: {error.problem}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: expected `key: value` lines, found a {type(data).__name__}")
    return data, where


def _walk(node: yaml.Node, key: Key) -> Iterator[tuple[Key, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield (*key, name.value), name
            yield from _walk(value, (*key, name.value))
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            yield (*key, i), value
            yield from _walk(value, (*key, i))


def _override(data: dict[str, Any], where: Origins, item: str) -> dict[str, Any]:
    dotted, equals, text = item.partition("=")
    if not equals:
        raise ConfigError(f"{item!r}: an override is KEY=VALUE, for example train.lr=3e-4")
    key, value = dotted.split("."), yaml.load(text, Yaml12)
    at = _named(data, key, value)
    node = yaml.compose(text, Yaml12)
    within = () if node is None else [k for k, _ in _walk(node, tuple(at))]
    for place in [*(tuple(at[:n]) for n in range(1, len(at) + 1)), *within]:
        where[place] = f"override {item!r}"
    return put(data, key, value)


def put(data: dict[str, Any], key: Sequence[str], value: Any) -> dict[str, Any]:
    """Lay one value on a config; a text on a section that has variants chooses one: model=gine is model.name=gine."""
    patch: Any = value
    for part in reversed(_named(data, key, value)):
        patch = {part: patch}
    merged: dict[str, Any] = merge(data, patch)
    return merged


def _named(data: dict[str, Any], key: Sequence[str], value: Any) -> list[str]:
    """A key as it is meant: `model` is `model.name` where a text is laid on it."""
    section = reduce(inside, key, data)
    tag = next((t for t in TAGS if inside(section, t)), None) if isinstance(value, str) else None
    return [*key, *([tag] if tag else [])]


def fields(schema: type[BaseModel], data: Mapping[str, Any], key: Sequence[str]) -> dict[str, FieldInfo]:
    """What can be written in the section that stands at a key; nothing where there is no section."""
    for n, part in enumerate(key):
        if part not in variant_at(schema, data, tuple(key[:n])).model_fields:
            return {}
        if not variants_at(schema, data, tuple(key[: n + 1])):
            return {}
    return variant_at(schema, data, tuple(key)).model_fields


def _defaults(schema: type[BaseModel]) -> dict[str, Any]:
    """Sections that may be left out, so that an override can change one field of them."""
    out: dict[str, Any] = {}
    for name, field in schema.model_fields.items():
        if isinstance(field.default, BaseModel):
            out[name] = field.default.model_dump()
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            out[name] = _defaults(field.annotation)
    return out
