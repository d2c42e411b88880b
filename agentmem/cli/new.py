"""Commands that begin something new: new store, new policy, new deriver."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from agentmem.cli.terminal import dim
from agentmem.errors import InputError

TEMPLATES = Path(__file__).parent
ROOM = "agentmem_stores"
"""Any folder of this name on the Python path adds to the stores, so a store needs no installing."""
POLICIES, DERIVERS = "retention", "derive"
"""The room's folders of policies and of derivers; the same holds of them."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    new = typer.Typer(no_args_is_help=True)
    new.command("store")(store)
    new.command("policy")(policy)
    new.command("deriver")(deriver)
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
    folder = into.parent if into.name == ROOM else into
    _write("store", name, folder, folder / ROOM)
    typer.echo(
        dim(f'Use it:  agentmem.open(stores=("episodic", "lexical", "{name}")), with {folder} on the Python path')
    )


def policy(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the policy: a Python module's.", show_default=False)
    ],
    into: Annotated[
        Path, typer.Option("--into", metavar="FOLDER", help="Where to make the folder agentmem_stores/retention.")
    ] = Path(),
) -> None:
    """Write a retention policy that works, and its test, for you to change.

    Writes FOLDER/agentmem_stores/retention/NAME.py and FOLDER/test_NAME.py. Files that exist are never overwritten.

    [dim]$[/] agentmem new policy mine --into plugins && cd plugins && python -m pytest test_mine.py
    """
    folder = _above(into, POLICIES)
    _write("policy", name, folder, folder / ROOM / POLICIES)
    typer.echo(dim(f"See it:  agentmem policies, with {folder} on the Python path"))


def deriver(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the deriver: a Python module's.", show_default=False)
    ],
    into: Annotated[
        Path, typer.Option("--into", metavar="FOLDER", help="Where to make the folder agentmem_stores/derive.")
    ] = Path(),
) -> None:
    """Write a deriver that works, and its test, for you to change.

    Writes FOLDER/agentmem_stores/derive/NAME.py and FOLDER/test_NAME.py. Files that exist are never overwritten.

    [dim]$[/] agentmem new deriver mine --into plugins && cd plugins && python -m pytest test_mine.py
    """
    folder = _above(into, DERIVERS)
    _write("deriver", name, folder, folder / ROOM / DERIVERS)
    typer.echo(dim(f"Use it:  agentmem settle SPACE --derive {name}, with {folder} on the Python path"))


def _above(into: Path, room: str) -> Path:
    """Return the folder in which the stores' room lies or will lie, where that room or a room of it may be named."""
    folder = into.parent if into.name == room else into
    return folder.parent if folder.name == ROOM else folder


def _write(kind: str, name: str, folder: Path, room: Path) -> None:
    """Write a plugin into its room and its test beside the rooms, from their templates."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InputError(f"{name!r} cannot be a Python module; use lower-case letters, digits and _, such as my_{kind}")
    words = {"name": name, "title": "".join(part.capitalize() for part in name.split("_"))}
    files = {room / f"{name}.py": f"{kind}.py.txt", folder / f"test_{name}.py": f"test_{kind}.py.txt"}
    for target in files:
        if target.exists():
            raise InputError(f"{target} exists and was left as it is; choose another name or --into another folder")
    for target, template in files.items():
        text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {target}")
    typer.echo(dim(f"Test it: cd {folder} && python -m pytest test_{name}.py"))
