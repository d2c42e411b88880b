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
"""Any folder of this name on the Python path adds to the stores, so a store needs no installing."""


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
    into: Annotated[
        Path, typer.Option("--into", metavar="FOLDER", help="Where to make the folder agentmem_stores, or that folder.")
    ] = Path(),
) -> None:
    """Write a store that works, and its test, for you to change.

    Writes FOLDER/agentmem_stores/NAME.py and FOLDER/test_NAME.py. Files that exist are never overwritten.

    [dim]$[/] agentmem new store mine --into plugins && cd plugins && python -m pytest test_mine.py
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InputError(f"{name!r} cannot be a Python module; use lower-case letters, digits and _, such as my_store")
    folder = into.parent if into.name == ROOM else into
    words = {"name": name, "title": "".join(part.capitalize() for part in name.split("_"))}
    files = {folder / ROOM / f"{name}.py": STORE, folder / f"test_{name}.py": TEST}
    for target in files:
        if target.exists():
            raise InputError(f"{target} exists and was left as it is; choose another name or --into another folder")
    for target, template in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(template.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
        typer.echo(f"wrote {target}")
    typer.echo(dim(f"Test it: cd {folder} && python -m pytest test_{name}.py"))
    typer.echo(
        dim(f'Use it:  agentmem.open(stores=("episodic", "lexical", "{name}")), with {folder} on the Python path')
    )
