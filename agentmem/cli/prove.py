"""The command that proves that a space has forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentmem.cli.options import AsJson, Root, Space
from agentmem.cli.proof import PANEL, tell
from agentmem.cli.terminal import open_space, progress
from agentmem.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=PANEL)(prove)


def prove(
    space: Space,
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build it anew from what is left, and compare all that can be told.")
    ] = False,
    adversary: Annotated[
        bool, typer.Option("--adversary", help="See whether questions alone can tell it from one that never knew.")
    ] = False,
    gone: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Texts that must be gone, one a line: look and ask for them.")
    ] = None,
    attest: Annotated[
        bool, typer.Option("--attest", help="With --rebuild: issue receipts anew that say that it held.")
    ] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Prove that a space has forgotten: nothing is pending, no file hides its bytes; with options, much more.

    A rebuild is made in a temporary folder and embeds what is left once more. Exits with 1 if anything is left.

    [dim]$[/] agentmem prove alice --rebuild --adversary
    """
    if attest and not rebuild:
        raise InputError("--attest says that the rebuild held, so it needs --rebuild")
    texts = [] if gone is None else _lines(gone)
    from agentmem.proof import prove as proven

    with open_space(space, root) as opened, progress("Encoding") as tick:
        findings = proven(opened, texts, rebuild=rebuild, adversary=adversary, attest=attest, progress=tick)
    tell(findings, as_json=as_json)


def _lines(file: Path) -> Sequence[str]:
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read ({error}); name a text file, one forgotten text a line") from error
    if not any(lines):
        raise InputError(f"{file} holds no text; write the forgotten texts into it, one a line")
    return [line for line in lines if line]
