"""The registry: plugins are found by their file name, listed without being imported, and refused with a reason."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import agentmem_stores
from agentmem import registry
from agentmem.errors import AgentmemError, MissingExtraError, PluginNotFoundError
from agentmem.protocols import MemoryStore
from agentmem_stores import exact

ROOM = Path(__file__).parent.parent / "stores"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder whose modules are stores like ours."""
    place = tmp_path / "agentmem_stores"
    place.mkdir()
    monkeypatch.setattr(agentmem_stores, "__path__", [*agentmem_stores.__path__, str(place)])
    before = set(sys.modules)
    yield place
    for name in set(sys.modules) - before:
        if name.startswith("agentmem_stores."):
            del sys.modules[name]
    importlib.invalidate_caches()


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(textwrap.dedent(text))
    importlib.invalidate_caches()


def announce(folder: Path, package: str, points: dict[str, str], group: str = "agentmem.stores") -> None:
    """Make `folder` look like an installed package with entry points."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"[{group}]", *(f"{name} = {module}" for name, module in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def test_our_stores_are_listed() -> None:
    """Every store of ours is listed with the first line of what it says of itself."""
    listed = registry.stores()
    assert list(listed) == ["episodic", "exact", "graph", "lexical"]
    assert listed["exact"] == exact.__doc__.partition("\n")[0]
    assert not any(name.startswith("_") for name in listed)


def test_listing_imports_no_plugin() -> None:
    """Listing reads the sources and runs none of them."""
    code = (
        "import sys; from agentmem import registry; registry.stores(); registry.evaluators(); "
        "bad = [m for m in sys.modules if m == 'faiss' or m.startswith(('agentmem_stores.', 'agentmem_evaluators.'))]; "
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stderr) == (0, "")


def test_stores_are_made_by_name() -> None:
    """A name gives an empty store, and the settings reach it."""
    store = registry.make_store("lexical", {"k1": 0.5})
    assert isinstance(store, MemoryStore)
    assert (len(store), store.k1) == (0, 0.5)


def test_unknown_names_get_a_guess() -> None:
    """A misspelt name is an error that guesses what was meant and lists what there is."""
    with pytest.raises(
        PluginNotFoundError, match=r"'episodc'\. Did you mean 'episodic'\? There are: episodic, exact, graph, lex"
    ):
        registry.make_store("episodc", {})
    with pytest.raises(PluginNotFoundError, match=r"'_snapshot'\. There are"):
        registry.make_store("_snapshot", {})
    with pytest.raises(PluginNotFoundError, match="no evaluator is called 'nothing like it'"):
        registry.make_evaluator("nothing like it", {})


def test_a_file_is_a_store(folder: Path) -> None:
    """A new file is listed and made; private files, subpackages and files without `make` are not."""
    write(folder, "newest.py", '"""Newest first.\n\nMore of it."""\nfrom agentmem_stores.exact import make\n')
    write(folder, "_private.py", "def make(config): ...\n")
    write(folder, "constants.py", '"""No store."""\nX = 1\n')
    (folder / "retention").mkdir()
    write(folder / "retention", "__init__.py", "def make(config): ...\n")
    listed = registry.stores()
    assert listed["newest"] == "Newest first."
    assert set(listed) == {"episodic", "exact", "graph", "lexical", "newest"}
    assert len(registry.make_store("newest", {})) == 0


def test_a_file_without_make_says_what_it_lacks(folder: Path) -> None:
    """Asking for a module that is no plugin says what to add to it."""
    write(folder, "forgetful.py", '"""A store whose author forgot something."""\n')
    with pytest.raises(AgentmemError, match=r"no make\(config\); add `def make\(config\)"):
        registry.make_store("forgetful", {})


def test_a_file_that_does_not_parse_spoils_nothing(folder: Path) -> None:
    """A broken plugin is listed as broken, and the others can be used."""
    write(folder, "broken.py", "def make(config:\n")
    assert "cannot be read" in registry.stores()["broken"]
    assert len(registry.make_store("exact", {})) == 0


def test_what_is_no_store_is_refused(folder: Path) -> None:
    """A plugin that makes something else is refused, and the message names the methods it lacks."""
    write(folder, "listlike.py", "def make(config):\n    return []\n")
    with pytest.raises(AgentmemError, match="made a list without add, search;"):
        registry.make_store("listlike", {})


def test_a_missing_package_is_passed_on(folder: Path) -> None:
    """A plugin that lacks a package says so itself."""
    head = "from agentmem.errors import MissingExtraError\n"
    write(folder, "needy.py", head + "def make(config):\n    raise MissingExtraError('faiss', 'cpu')\n")
    with pytest.raises(MissingExtraError, match="pip install"):
        registry.make_store("needy", {})


def test_other_packages_announce_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point is listed with its own words and made; ours come before one of the same name."""
    announce(tmp_path, "elsewhere", {"remote": "elsewhere_remote", "exact": "elsewhere_exact", "lost": "not_there"})
    write(tmp_path, "elsewhere_remote.py", '"""Far away."""\nfrom agentmem_stores.exact import make\n')
    write(tmp_path, "elsewhere_exact.py", '"""An impostor."""\nmake = 3\n')
    monkeypatch.syspath_prepend(tmp_path)
    listed = registry.stores()
    assert listed["remote"] == "Far away."
    assert listed["exact"] != "An impostor."
    assert listed["lost"] == "from the package elsewhere"
    assert len(registry.make_store("remote", {})) == 0
    assert type(registry.make_store("exact", {})) is exact.Exact
    with pytest.raises(ModuleNotFoundError, match="not_there"):
        registry.make_store("lost", {})


def test_two_packages_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two foreign plugins of one name are refused with both named, not chosen between by chance."""
    for package in ("here", "there"):
        announce(tmp_path / package, package, {"remote": f"{package}_remote"}, "agentmem.evaluators")
        monkeypatch.syspath_prepend(tmp_path / package)
    with pytest.raises(AgentmemError, match="2 packages bring the evaluator 'remote'"):
        registry.make_evaluator("remote", {})


def test_a_missing_room_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package of evaluators there are none, and that is no error."""
    monkeypatch.setattr(registry, "_EVALUATORS", registry._Room("evaluator", "not_installed_here", "nothing.here"))
    assert registry.evaluators() == {}
    with pytest.raises(PluginNotFoundError, match="none installed"):
        registry.make_evaluator("any", {})


def test_the_table_in_the_readme_is_the_generated_one() -> None:
    """The table of stores is what `python -m agentmem.registry stores` prints."""
    assert registry.table("stores") in (ROOM / "README.md").read_text(encoding="utf-8")


def test_the_table_is_renewed_in_place(tmp_path: Path) -> None:
    """`--write` replaces what stands between the marks and nothing else; a README without marks is refused."""
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- table: python -m agentmem.registry stores -->\nold\n<!-- end of table -->\nb\n")
    registry.renew(readme, "stores")
    assert readme.read_text().replace(registry.table("stores"), "T") == (
        "a\n<!-- table: python -m agentmem.registry stores -->\n\nT\n\n<!-- end of table -->\nb\n"
    )
    readme.write_text("nothing")
    with pytest.raises(AgentmemError, match="no place for the table"):
        registry.renew(readme, "stores")


def test_the_store_of_the_readme_is_found_and_passes_the_kit(tmp_path: Path) -> None:
    """The two files of the README, copied into a folder on the path, are a store that passes the kit."""
    store, test = re.findall(r"```python\n(.*?)```", (ROOM / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "agentmem_stores").mkdir()
    (tmp_path / "agentmem_stores" / "shared.py").write_text(store)
    (tmp_path / "test_shared.py").write_text(test)
    listing = [sys.executable, "-m", "agentmem.registry", "stores"]
    listed = subprocess.run(listing, check=True, capture_output=True, text=True, env=environment(tmp_path))
    assert "| `shared` | Shared words: the share of the question's words that a memory says. |" in listed.stdout
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_shared.py")]
    done = subprocess.run(asked, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment(tmp_path))
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 15


def environment(*first: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, first), *sys.path])}
