"""Commands that make knowledge out of what was said: extract."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from agentmem.cli.options import AsJson, Embedder, Root, Space
from agentmem.cli.terminal import counted, dim, emit, of_memory, open_space, progress, shown

if TYPE_CHECKING:
    from agentmem import space as spaces
    from agentmem.encoding.extraction import FactExtractor

PANEL = "Memories"
SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel=PANEL)(extract)


def extract(
    space: Space,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="PROVIDER:NAME",
            help="Chat model, such as openai:gpt-4o-mini or ollama:llama3.2; default: none, rules of English read.",
            show_default=False,
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Read everything once more, not only what is new.")] = False,
    embedder: Embedder = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Read facts out of what was said, and remember them.

    Each fact names the turns it was read from, so erasing a turn takes its facts along. Only what was not read before
    is read. A model is sent the turns; without one nothing leaves this machine.

    [dim]$[/] agentmem extract demo
    """
    from agentmem.extract import extract as read

    with open_space(space, root, embedder) as opened:
        extractor = _extractor(opened, model)
        with progress("Reading") as tick:
            ids = read(opened, extractor, again=again, progress=tick)
        facts = [opened.get(i) for i in ids]
        holding = len(opened)
    if as_json:
        listed = [of_memory(fact) for fact in facts]
        emit({"space": space, "by": extractor.name, "added": len(facts), "memories": holding, "facts": listed})
        return
    by = Counter(str(fact.metadata["by"]) for fact in facts)
    readers = ", ".join(f"{number} by {shown(name)}" for name, number in by.most_common())
    typer.echo(f"{shown(space)}: {counted(len(facts), 'new fact')}" + (f" ({readers})" if facts else ""))
    for fact in facts[:SHOWN]:
        typer.echo(f"  {shown(fact.text)}")
    if len(facts) > SHOWN:
        typer.echo(dim(f"  ... and {len(facts) - SHOWN} more: agentmem show {space} --kind fact"))


def _extractor(space: spaces.Space, model: str | None) -> FactExtractor:
    from agentmem.encoding.extraction import RuleExtractor

    if model is None:
        return RuleExtractor()
    from agentmem.agent.extraction import open_extractor
    from agentmem.extract import answers_of

    return open_extractor(model, answers=answers_of(space))
