"""Commands that begin something new: new store."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from agentmem.cli.terminal import dim
from agentmem.errors import InputError

STORE = Path(__file__).with_name("store.py.txt")
TEST = Path(__file__).with_name("test_store.py.txt")
ROOM = "agentmem_stores"
BESIDE = """\
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import $name  # noqa: E402 - it lies beside this file
"""
INSIDE = f"from {ROOM} import $name\n"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    new = typer.Typer(no_args_is_help=True)
    new.command("store")(store)
    new.callback()(_new)
    app.add_typer(new, name="new", rich_help_panel="Extend")


def _new() -> None:
    """Begin something new from a working template."""


def store(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the store: a Python module's.", show_default=False)
    ],
    into: Annotated[Path, typer.Option("--into", metavar="FOLDER", help="Where to write the store.")] = Path(),
    tests: Annotated[
        Path | None, typer.Option("--tests", metavar="FOLDER", help="Where to write its test; default: beside it.")
    ] = None,
) -> None:
    """Write a store that works, and its test, for you to change.

    Files that exist are never overwritten.

    [dim]$[/] agentmem new store mine --into plugins && python -m pytest plugins/test_mine.py
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InputError(f"{name!r} cannot be a Python module; use lower-case letters, digits and _, such as my_store")
    inside = into.resolve().name == ROOM
    if tests is not None and not inside and tests.resolve() != into.resolve():
        raise InputError(f"--tests can be another folder only where the store goes into {ROOM}, which is importable")
    words = {"name": name, "title": "".join(part.capitalize() for part in name.split("_"))}
    words["how"] = Template(INSIDE if inside else BESIDE).substitute(words).rstrip("\n")
    test = (tests or into) / f"test_{name}.py"
    files = {into / f"{name}.py": STORE, test: TEST}
    for target in files:
        if target.exists():
            raise InputError(f"{target} exists and was left as it is; choose another name or --into another folder")
    for target, template in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(template.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
        typer.echo(f"wrote {target}")
    typer.echo(dim(f"Test it: python -m pytest {test}"))
    if inside:
        typer.echo(dim(f"Its file name is its registration: agentmem.open(stores=('episodic', 'lexical', '{name}'))"))
    else:
        typer.echo(
            dim(f'Register it in your pyproject.toml: [project.entry-points."agentmem.stores"] {name} = "{name}"')
        )
