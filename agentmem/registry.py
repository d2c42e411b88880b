"""Plugins by name: the file name is the registration.

A store is a module of the package `agentmem_stores`, an evaluator one of `agentmem_evaluators`; each has
`make(config)`. Other people's packages announce theirs as entry points of the groups `agentmem.stores` and
`agentmem.evaluators`, pointing at such a module. Listing reads the first line of each docstring from the source and
imports nothing; only `make_store` and `make_evaluator` import, and only the one that was asked for.

`python -m agentmem.registry` prints the tables of the plugin rooms' READMEs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from agentmem.errors import AgentmemError, PluginNotFoundError
from agentmem.protocols import Lexical, MemoryStore, Snapshot, Vectorial


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin that can be made: its name, the module it lives in, and the first line of what it says of itself."""

    name: str
    module: str
    doc: str


@dataclass(frozen=True, slots=True)
class _Room:
    """Where plugins of one kind live."""

    kind: str
    package: str
    group: str


_STORES = _Room("store", "agentmem_stores", "agentmem.stores")
_EVALUATORS = _Room("evaluator", "agentmem_evaluators", "agentmem.evaluators")


def stores() -> dict[str, str]:
    """Return the names of all stores, sorted, each with one line about it."""
    return {plugin.name: plugin.doc for plugin in _plugins(_STORES)}


def evaluators() -> dict[str, str]:
    """Return the names of all evaluators, sorted, each with one line about it."""
    return {plugin.name: plugin.doc for plugin in _plugins(_EVALUATORS)}


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


def make_evaluator(name: str, config: Mapping[str, Any]) -> Any:
    """Make an evaluator; raise PluginNotFoundError for an unknown name."""
    return _make(_EVALUATORS, name, config)


def _make(room: _Room, name: str, config: Mapping[str, Any]) -> Any:
    found = [plugin for plugin in _plugins(room) if plugin.name == name]
    if not found:
        raise PluginNotFoundError(_unknown(room, name))
    if len(found) > 1:
        raise AgentmemError(
            f"{len(found)} packages bring a {room.kind} called {name!r}: {', '.join(p.module for p in found)}; "
            "uninstall all but one, or ask their authors to rename it"
        )
    module = import_module(found[0].module)
    if not callable(getattr(module, "make", None)):
        raise AgentmemError(
            f"{module.__name__} is no {room.kind}: it has no make(config); add `def make(config): ...` to it, "
            "or begin its file name with _ if it is not meant to be one"
        )
    return module.make(config)


def _unknown(room: _Room, name: str) -> str:
    names = sorted({plugin.name for plugin in _plugins(room)})
    close = get_close_matches(name, names, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    listed = ", ".join(names) or "none installed"
    return f"no {room.kind} is called {name!r}.{guess} There are: {listed}. A new one is one file: see its README."


def _plugins(room: _Room) -> list[Plugin]:
    return sorted([*_own(room), *_foreign(room)], key=lambda plugin: (plugin.name, plugin.module))


def _own(room: _Room) -> Iterator[Plugin]:
    """Find the modules of the room's package; private ones and subpackages (rooms of their own) are none."""
    spec = find_spec(room.package)
    if spec is None or spec.submodule_search_locations is None:
        return
    folders = list(spec.submodule_search_locations)
    for info in iter_modules(folders):
        if info.ispkg or info.name.startswith("_"):
            continue
        files = [Path(folder) / f"{info.name}.py" for folder in folders]
        yield Plugin(info.name, f"{room.package}.{info.name}", _first_line(files))


def _foreign(room: _Room) -> Iterator[Plugin]:
    """Find what other packages announce."""
    for entry in entry_points(group=room.group):
        package = f"from the package {entry.dist.name}" if entry.dist else ""
        yield Plugin(entry.name, entry.module, _first_line(_sources(entry)) or package)


def _sources(entry: EntryPoint) -> list[Path]:
    if entry.dist is None:
        return []
    stem = entry.module.replace(".", "/")
    return [Path(str(entry.dist.locate_file(f"{stem}{end}"))) for end in (".py", "/__init__.py")]


def _first_line(files: list[Path]) -> str:
    """Return the first line of the docstring of the first file that exists, without running it."""
    source = next((file for file in files if file.is_file()), None)
    if source is None:
        return ""
    try:
        doc = ast.get_docstring(ast.parse(source.read_bytes()))
    except SyntaxError as error:
        return f"(cannot be read: {error.msg}, line {error.lineno})"
    return (doc or "").partition("\n")[0]


def table(room: str = "stores") -> str:
    """Return the Markdown table of the plugins of a room, "stores" or "evaluators", for its README.

    Makes every store, to say which abilities it has.
    """
    if room == "evaluators":
        lines = ["| evaluator | what it is |", "|---|---|"]
        return "\n".join([*lines, *(f"| `{name}` | {doc} |" for name, doc in evaluators().items())])
    lines = ["| store | what it is | abilities |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {doc} | {_abilities(name)} |" for name, doc in stores().items())])


def _abilities(name: str) -> str:
    store = make_store(name, {})
    return ", ".join(a.__name__ for a in (Vectorial, Lexical, Snapshot) if isinstance(store, a))


if __name__ == "__main__":
    for asked in sys.argv[1:] or ["stores", "evaluators"]:
        sys.stdout.write(f"{table(asked)}\n\n")
