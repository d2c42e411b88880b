"""Commands for files: import, export, restore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentmem.cli.options import AsJson, Embedder, Root, Space
from agentmem.cli.terminal import Tick, counted, dim, emit, open_root, open_space, progress, size

if TYPE_CHECKING:
    from agentmem import space as spaces
    from agentmem.formats import openie
    from agentmem.unlearning.guard import Guarded

PANEL = "Files"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("import", rich_help_panel=PANEL)(import_)
    app.command(rich_help_panel=PANEL)(export)
    app.command(rich_help_panel=PANEL)(restore)


def import_(
    space: Space,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The conversation or extraction to import.", show_default=False)
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="jsonl, openai, locomo or openie; default: found out."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the file and say what is in it.")] = False,
    embedder: Embedder = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Import a conversation: all of it or, if a line is wrong, nothing.

    JSON lines, OpenAI or ChatGPT chats, LoCoMo, or passages with their triples (OpenIE, as of HippoRAG). What was
    imported before is known again and adds nothing.

    [dim]$[/] agentmem import alice chat.jsonl
    """
    from agentmem.formats import detect, openie

    parsed = detect.read(file, form)
    triples = sum(map(len, parsed.triples)) if isinstance(parsed, openie.Extracted) else None
    threads = len({draft.thread for draft in parsed.drafts})
    report = {
        "space": space,
        "format": parsed.format,
        "turns": len(parsed.drafts),
        "threads": threads,
        "left_out": dict(parsed.skipped),
        **({} if triples is None else {"facts": triples}),
    }
    left_out = "".join(f", {number} {what} left out" for what, number in parsed.skipped.items())
    what = counted(len(parsed.drafts), "turn") if triples is None else counted(len(parsed.drafts), "passage")
    found = f"{file.name}: {what} in {counted(threads, 'thread')}, {parsed.format}" + left_out
    if triples is not None:
        found += f", {counted(triples, 'fact')}"
    if dry_run:
        emit({**report, "added": 0}) if as_json else typer.echo(f"{found}. Nothing was imported: this was a dry run.")
        return
    with open_space(space, root, embedder, create=True) as opened:
        before = len(opened)
        with progress("Remembering") as tick:
            # facts stand under their passages, so of those it is all or none
            mode: Guarded = "raise" if isinstance(parsed, openie.Extracted) else "skip"
            ids = opened.remember(parsed.drafts, progress=tick, guarded=mode)
            if isinstance(parsed, openie.Extracted):
                _remember_facts(opened, parsed, ids, tick)
        added = len(opened) - before
        known = len(set(ids)) + (triples or 0) - added
        if as_json:
            kept_out = [verdict.index for verdict in ids.kept_out]
            emit({**report, "added": added, "known": known, "kept_out": kept_out, "memories": len(opened)})
        else:
            typer.echo(f"{found}: {added} added, {known} known before.")
            if ids.kept_out:
                listed = ", ".join(str(verdict.index + 1) for verdict in ids.kept_out[:10])
                typer.echo(
                    f"{counted(len(ids.kept_out), 'turn')} kept out, by the guard: it was forgotten on request "
                    f"(turns {listed}). See: agentmem guard {space}"
                )
            typer.echo(
                dim(
                    f"{space} holds {counted(len(opened), 'memory', 'memories')}. Try: agentmem recall {space} QUESTION"
                )
            )


def _remember_facts(space: spaces.Space, extracted: openie.Extracted, ids: list[str], tick: Tick | None) -> None:
    """Remember the triples under the passages, which are committed; whoever stops between the two imports again."""
    from agentmem.extract import remember_facts
    from agentmem.formats import openie

    remember_facts(space, openie.facts(extracted, ids), progress=tick)


def export(
    space: Space,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The archive; default: SPACE.zip.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Write a space into one archive file.

    Exactly as it is at this moment; programs that use it may go on meanwhile.

    [dim]$[/] agentmem export alice alice.zip
    """
    from agentmem import archive
    from agentmem.config import folder_name

    target = file or Path(f"{folder_name(space)}.zip")
    with open_space(space, root) as opened:
        made = archive.export(opened, target, overwrite=force)
    if as_json:
        emit({"file": target, "bytes": target.stat().st_size, **_of(made)})
    else:
        typer.echo(f"{target}: {counted(made.memories, 'memory', 'memories')}, {size(target.stat().st_size)}")
        typer.echo(dim(f"It holds everything in clear text; erasing in {space} does not reach it. Bring it back with:"))
        typer.echo(dim(f"agentmem restore {target} --as {space}-restored"))


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive.", show_default=False)],
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Name of the space; default: the one it had.")
    ] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Make a space from an archive.

    A space that exists is never overwritten.

    [dim]$[/] agentmem restore alice.zip --as alice-restored
    """
    from agentmem import archive

    with open_root(root) as system:
        read = archive.restore(system, file, name)
        if as_json:
            emit({**_of(read), "restored_as": name or read.space})
        else:
            typer.echo(
                f"{name or read.space}: {counted(read.memories, 'memory', 'memories')} restored, as of {read.made_at}"
            )


def _of(manifest: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(manifest)  # type: ignore[call-overload, no-any-return]  # a Manifest, whose module loads late
