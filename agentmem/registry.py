"""Plugins by name: the file name is the registration.

A store is a module of the package `agentmem_stores`, a retention policy one of `agentmem_stores.retention`, a deriver
one of `agentmem_stores.derive`, and an evaluator one of `agentmem_evaluators`; each has `make(config)`. Other people's
packages announce theirs as entry points of the groups `agentmem.stores`, `agentmem.policies`, `agentmem.derivers` and
`agentmem.evaluators`, pointing at such a module; a name of our own comes first. Listing reads the first line of each
docstring from the source and imports no plugin; only `make_store`, `make_policy`, `make_deriver` and `make_evaluator`
do, and only the one asked for.

`python -m agentmem.registry` prints the tables of the plugin rooms' READMEs; with `--write` it renews them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from agentmem.errors import AgentmemError, PluginNotFoundError
from agentmem.protocols import (
    Appraiser,
    Associative,
    Condensing,
    Deriver,
    Lexical,
    MemoryStore,
    RetentionPolicy,
    Snapshot,
    Staged,
    Tiered,
    Vectorial,
)


@dataclass(frozen=True, slots=True)
class _Room:
    """Where plugins of one kind live."""

    kind: str
    package: str
    group: str


@dataclass(frozen=True, slots=True)
class _Plugin:
    """A module that may be a plugin: its sources are read for listing, and only then."""

    name: str
    module: str
    sources: tuple[Path, ...]
    package: str = ""


_STORES = _Room("store", "agentmem_stores", "agentmem.stores")
_POLICIES = _Room("policy", "agentmem_stores.retention", "agentmem.policies")
_DERIVERS = _Room("deriver", "agentmem_stores.derive", "agentmem.derivers")
_EVALUATORS = _Room("evaluator", "agentmem_evaluators", "agentmem.evaluators")


def stores() -> dict[str, str]:
    """Return the names of all stores, sorted, each with one line about it."""
    return _listed(_STORES)


def policies() -> dict[str, str]:
    """Return the names of all retention policies, sorted, each with one line about it."""
    return _listed(_POLICIES)


def derivers() -> dict[str, str]:
    """Return the names of all derivers, sorted, each with one line about it."""
    return _listed(_DERIVERS)


def evaluators() -> dict[str, str]:
    """Return the names of all evaluators, sorted, each with one line about it."""
    return _listed(_EVALUATORS)


def make_store(name: str, config: Mapping[str, Any]) -> MemoryStore:
    """Make an empty store; raise PluginNotFoundError for an unknown name, AgentmemError for what is no store."""
    store = _make(_STORES, name, config)
    if not isinstance(store, MemoryStore):
        wanted = ("add", "search", "remove", "__contains__", "__len__")
        missing = ", ".join(method for method in wanted if not hasattr(store, method))
        raise AgentmemError(
            f"the store {name!r} made a {type(store).__name__} without {missing}; a store needs {', '.join(wanted)}, "
            "as agentmem.protocols.MemoryStore describes them"
        )
    return store


def make_policy(name: str, config: Mapping[str, Any]) -> RetentionPolicy:
    """Make a retention policy; "-" in a name stands for "_", so that `generative-agents` is found too.

    Raises PluginNotFoundError for an unknown name, AgentmemError for what is no policy.
    """
    policy = _make(_POLICIES, name.replace("-", "_"), config)
    if not isinstance(policy, RetentionPolicy):
        missing = ", ".join(method for method in ("retention", "reinforce") if not hasattr(policy, method))
        raise AgentmemError(
            f"the policy {name!r} made a {type(policy).__name__} without {missing}; a policy needs retention and "
            "reinforce, as agentmem.protocols.RetentionPolicy describes them"
        )
    return policy


def make_deriver(name: str, config: Mapping[str, Any]) -> Deriver:
    """Make a deriver; raise PluginNotFoundError for an unknown name, AgentmemError for what is no deriver."""
    deriver = _make(_DERIVERS, name.replace("-", "_"), config)
    if not isinstance(deriver, Deriver):
        missing = ", ".join(method for method in ("scopes", "derive") if not hasattr(deriver, method))
        raise AgentmemError(
            f"the deriver {name!r} made a {type(deriver).__name__} without {missing}; a deriver needs scopes and "
            "derive, as agentmem.protocols.Deriver describes them"
        )
    return deriver


def make_evaluator(name: str, config: Mapping[str, Any]) -> Any:
    """Make an evaluator; raise PluginNotFoundError for an unknown name."""
    return _make(_EVALUATORS, name, config)


def evaluator_module(name: str) -> ModuleType:
    """Return the module of an evaluator, for its `run`; raise PluginNotFoundError for an unknown name."""
    return _module(_EVALUATORS, name)


def evaluation_plans() -> Any:
    """Return how each evaluator is run when all are, as `agentmem.evaluation.suite.Plan`s."""
    return import_module(f"{_EVALUATORS.package}._plans").PLANS


def _make(room: _Room, name: str, config: Mapping[str, Any]) -> Any:
    return _module(room, name).make(config)


def _module(room: _Room, name: str) -> ModuleType:
    found = [plugin for plugin in _own(room) if plugin.name == name]
    found = found or [plugin for plugin in _foreign(room) if plugin.name == name]
    if not found:
        raise PluginNotFoundError(_unknown(room, name))
    if len(found) > 1:
        raise AgentmemError(
            f"{len(found)} packages bring the {room.kind} {name!r}: {', '.join(p.module for p in found)}; "
            "uninstall all but one, or ask their authors to rename it"
        )
    module = import_module(found[0].module)
    if not callable(getattr(module, "make", None)):
        raise AgentmemError(
            f"{module.__name__} is no {room.kind}: it has no make(config); add `def make(config): ...` to it, "
            "or begin its file name with _ if it is not meant to be one"
        )
    return module


def _unknown(room: _Room, name: str) -> str:
    names = list(_listed(room))
    close = get_close_matches(name, names, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    there = ", ".join(names) or "none installed"
    return (
        f"no {room.kind} is called {name!r}.{guess} There are: {there}. A new one is one file: see the room's README."
    )


def _listed(room: _Room) -> dict[str, str]:
    """Return names and first lines of what has a `make`; our own plugins come before foreign ones of the same name."""
    found: dict[str, str] = {}
    for plugin in [*_own(room), *_foreign(room)]:
        line = _first_line(plugin)
        if line is not None:
            found.setdefault(plugin.name, line)
    return dict(sorted(found.items()))


def _own(room: _Room) -> Iterator[_Plugin]:
    """Find the modules of the room's package; private ones and subpackages (rooms of their own) are none."""
    if find_spec(room.package) is None:
        return
    folders = list(import_module(room.package).__path__)
    for info in iter_modules(folders):
        if not info.ispkg and not info.name.startswith("_"):
            sources = tuple(Path(folder) / f"{info.name}.py" for folder in folders)
            yield _Plugin(info.name, f"{room.package}.{info.name}", sources)


def _foreign(room: _Room) -> Iterator[_Plugin]:
    """Find what other packages announce."""
    for entry in entry_points(group=room.group):
        stem = entry.module.replace(".", "/")
        places = [entry.dist.locate_file(f"{stem}{end}") for end in (".py", "/__init__.py")] if entry.dist else []
        package = f"from the package {entry.dist.name}" if entry.dist else ""
        yield _Plugin(entry.name, entry.module, tuple(Path(str(place)) for place in places), package)


def _first_line(plugin: _Plugin) -> str | None:
    """Return the first line of a plugin's docstring without running it; None for a module that has no `make`."""
    source = next((file for file in plugin.sources if file.is_file()), None)
    if source is None:  # an editable or zipped package: importing it only to list it would cost too much
        return plugin.package
    try:
        tree = ast.parse(source.read_bytes())
    except SyntaxError as error:
        return f"(cannot be read: {error.msg}, line {error.lineno})"
    if not any(_names_make(statement) for statement in tree.body):
        return None
    return (ast.get_docstring(tree) or plugin.package).partition("\n")[0]


def _names_make(statement: ast.stmt) -> bool:
    match statement:
        case ast.FunctionDef(name="make") | ast.ClassDef(name="make"):
            return True
        case ast.ImportFrom(names=names):
            return any("make" in (alias.asname, alias.name) for alias in names)
        case ast.Assign(targets=targets):
            return any(isinstance(target, ast.Name) and target.id == "make" for target in targets)
        case _:
            return False


def table(room: str = "stores") -> str:
    """Return the Markdown table of the plugins of a room, for its README: stores, policies, derivers or evaluators.

    Makes every store and policy, to say which abilities it has.
    """
    if room == "evaluators":
        lines = ["| evaluator | what it is |", "|---|---|"]
        return "\n".join([*lines, *(f"| `{name}` | {doc} |" for name, doc in evaluators().items())])
    if room == "derivers":
        lines = ["| deriver | what it makes |", "|---|---|"]
        return "\n".join([*lines, *(f"| `{name}` | {doc} |" for name, doc in derivers().items())])
    if room == "policies":
        lines = ["| policy | what it is | abilities |", "|---|---|---|"]
        return "\n".join([*lines, *(f"| `{n}` | {doc} | {', '.join(abilities(n))} |" for n, doc in policies().items())])
    lines = ["| store | what it is | abilities |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {doc} | {_abilities(name)} |" for name, doc in stores().items())])


def abilities(policy: str) -> list[str]:
    """Return what a policy can do beyond retention, as the names of protocols."""
    made = make_policy(policy, {})
    return [a.__name__ for a in (Staged, Condensing, Appraiser) if isinstance(made, a)]


def _abilities(name: str) -> str:
    store = make_store(name, {})
    return ", ".join(a.__name__ for a in (Vectorial, Tiered, Lexical, Associative, Snapshot) if isinstance(store, a))


def renew(readme: Path, room: str) -> None:
    """Write the table into a README, between its two marks."""
    text = readme.read_text(encoding="utf-8")
    before, opening, rest = text.partition(f"<!-- table: python -m agentmem.registry {room} -->\n")
    _, closing, after = rest.partition("<!-- end of table -->")
    if not (opening and closing):
        raise AgentmemError(f"{readme} has no place for the table: it needs the two comments that mark it")
    readme.write_text(f"{before}{opening}\n{table(room)}\n\n{closing}{after}", encoding="utf-8")


_READMES = {"policies": "stores/agentmem_stores/retention", "derivers": "stores/agentmem_stores/derive"}
"""Folders of the READMEs of rooms that are not called like their room."""

if __name__ == "__main__":
    for asked in [word for word in sys.argv[1:] if word != "--write"] or [
        "stores",
        "policies",
        "derivers",
        "evaluators",
    ]:
        if "--write" in sys.argv:
            renew(Path(_READMES.get(asked, asked)) / "README.md", asked)
        else:
            sys.stdout.write(f"{table(asked)}\n\n")
