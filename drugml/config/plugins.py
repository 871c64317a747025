"""Models, featurizers and descriptors that other installed packages add.

A package declares each spec as an entry point, in its pyproject.toml:

    [project.entry-points."drugml.models"]
    mynet = "mypackage.specs:MyNetSpec"

The groups are drugml.models, drugml.featurizers and drugml.descriptors. A spec is a subclass of one of ours; its
`implementation` names the module that registers the class behind it, which is imported no sooner than that class is
needed. Specs of each group stand in a module of their own, because ours need them while they are made: those of
descriptors import `drugml.config.base` only, those of featurizers also `featurizers`, those of models also `encoders`.
"""

import logging
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, NamedTuple, get_args

from drugml.config.base import Spec

Group = Literal["drugml.models", "drugml.featurizers", "drugml.descriptors"]
PROMISED: dict[str, tuple[str, ...]] = {
    "drugml.models": ("takes", "featurizer"),
    "drugml.featurizers": ("gives", "descriptors"),
    "drugml.descriptors": ("width",),
}
"""What a spec of each group has besides its name."""
log = logging.getLogger(__name__)


class Plugin(NamedTuple):
    """A spec and where it came from."""

    spec: type[Spec]
    package: str
    version: str

    @property
    def name(self) -> str:
        """As written in a config."""
        return str(self.spec.model_fields["name"].default)


_used: dict[Group, tuple[Plugin, ...]] = {}


def plugins(group: Group) -> tuple[Plugin, ...]:
    """The plug-ins of installed packages that are used, by name."""
    import_module(f"drugml.config.{group.removeprefix('drugml.')}")  # which makes the union of the group
    return _used[group]


def united(shipped: Any, group: Group) -> Any:
    """A union of specs with those of plug-ins.

    A plug-in that cannot be used is left out with a warning that says why: that a broken package stands somewhere is no
    reason for all of drugml to fail.
    """
    _used[group] = _found(group, {s.model_fields["name"].default for s in get_args(shipped)})
    for plugin in _used[group]:
        shipped |= plugin.spec
    return shipped


def _found(group: Group, own: set[str]) -> tuple[Plugin, ...]:
    found: list[Plugin] = []
    for point in sorted(entry_points(group=group), key=lambda p: p.name):
        package = point.dist.name if point.dist else "?"
        try:
            plugin = Plugin(_spec(point, group), package, point.dist.version if point.dist else "?")
            if plugin.name in own:
                raise ValueError(f"drugml has a {plugin.name!r} of its own")
            if other := next((p for p in found if p.name == plugin.name), None):
                raise ValueError(f"{plugin.name!r} is added by {other.package} already")
            found.append(plugin)
        except Exception as error:  # whatever the package raises
            log.warning(
                "plug-in %s (%s) of %s is not used: %s: %s", point.name, group, package, type(error).__name__, error
            )
    return tuple(found)


def implement(group: Group) -> None:
    """Import what registers the classes of a group; where that fails, it is told, and the name is unusable."""
    for plugin in plugins(group):
        module = getattr(plugin.spec, "implementation", plugin.spec.__module__)
        try:
            import_module(module)
        except Exception as error:  # whatever the package raises
            what = f"{type(error).__name__}: {error}"
            log.warning("plug-in %s of %s: importing %s fails: %s", plugin.name, plugin.package, module, what)


def packages(*names: str) -> dict[str, str]:
    """Package to version of the plug-ins with these names, or of all."""
    groups: tuple[Group, ...] = get_args(Group)
    found = (p for group in groups for p in plugins(group))
    return {p.package: p.version for p in found if not names or p.name in names}


def _spec(point: EntryPoint, group: Group) -> type[Spec]:
    spec = point.load()
    if not (isinstance(spec, type) and issubclass(spec, Spec)):
        raise TypeError(f"{point.value} is {spec!r}, expected a subclass of drugml's specs")
    name = spec.model_fields.get("name")
    if name is None or get_args(name.annotation) != (name.default,):
        raise TypeError(f"{spec.__name__} has no field such as  name: Literal[{point.name!r}] = {point.name!r}")
    if missing := [a for a in PROMISED[group] if not hasattr(spec, a) and a not in spec.model_fields]:
        raise TypeError(f"{spec.__name__} has no {missing[0]!r}")
    return spec
