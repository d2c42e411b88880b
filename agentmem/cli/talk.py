"""The command chat: talk with a space, with a model or without one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentmem.cli.options import AsJson, Embedder, Root, Space
from agentmem.cli.terminal import dim, heading, lines, open_space, shown, strong
from agentmem.errors import InputError

if TYPE_CHECKING:
    from agentmem.agent import Chat, Reply

HELP = (
    "/sources shows what the last answer was read from, /reliance fresh (to faithful) how far replies rest on memory, "
    "/new begins another thread, /quit or Ctrl-D leaves."
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="Memories")(chat)


def chat(  # noqa: PLR0917 - as many as there are options
    space: Space,
    message: Annotated[
        str | None, typer.Argument(metavar="[MESSAGE]", help="Say this, print the reply and leave.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="PROVIDER:NAME",
            help="Chat model, such as openai:gpt-4o-mini or ollama:llama3.2; default: $AGENTMEM_MODEL, or none: "
            "the answer is then read out of what is recalled.",
            show_default=False,
        ),
    ] = None,
    thread: Annotated[str, typer.Option(metavar="NAME", help="Conversation to go on with.")] = "chat",
    user: Annotated[str, typer.Option(metavar="NAME", help="Speaker that you are remembered as.")] = "user",
    reliance: Annotated[
        str,
        typer.Option(
            metavar="DIAL",
            help="How far replies rest on memory: fresh, light, balanced, close, faithful, or a number from 0 to 1.",
        ),
    ] = "balanced",
    embedder: Embedder = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Talk with a space: it recalls, replies, and remembers both.

    Each thread goes on where it was left. With --json, one JSON object a reply. Asked to forget something, it says how
    much that is and asks back; what is said next in the thread is the answer, and without a yes nothing is forgotten.

    [dim]$[/] agentmem chat demo "What is Ines allergic to?"

    [dim]$[/] agentmem chat demo "Forget what I said about Noor." && agentmem chat demo yes
    """
    from agentmem import agent, config

    with (
        open_space(space, root, embedder, create=True) as opened,
        agent.chat(opened, config.model(model), thread=thread, user=user, reliance=_dialled(reliance)) as talk,
    ):
        talking = message is None and sys.stdin.isatty() and not as_json
        if talking:
            typer.echo(dim(f"{shown(space)}, {len(opened)} memories. {HELP}"))
        last: Reply | None = None
        for said in [message] if message is not None else _typed(talking=talking):
            if talking and said.startswith("/"):
                if said in {"/quit", "/exit", "/q"}:
                    break
                _command(said, talk, last)
            else:
                last = _say_json(talk, said) if as_json else _say(talk, said)
        if message is None:
            _withdraw(talk, as_json=as_json)
        elif not as_json and last is not None and last.question is not None:
            typer.echo(dim(f"To answer: agentmem chat {shown(space)} ANSWER --thread {shown(thread)}"), err=True)


def _dialled(reliance: str) -> Any:
    try:
        return float(reliance)
    except ValueError:
        return reliance  # a name; the agent knows which there are


def _typed(*, talking: bool) -> Iterator[str]:
    """Yield what is typed, line by line, until the end of input; blank lines are passed over."""
    if talking:
        import readline  # noqa: F401 - gives `input` its history and its arrow keys
    while True:
        try:
            line = input(strong("you  ") if talking else "")
        except EOFError:
            if talking:
                typer.echo()
            return
        if line.strip():
            yield line.strip()


def _withdraw(talk: Chat, *, as_json: bool) -> None:
    """Leave a question that nobody answered: nothing is forgotten without a yes."""
    reply = talk.withdraw()
    if reply is not None:
        typer.echo(json.dumps(_of(reply, None), ensure_ascii=False) if as_json else reply.text)


def _command(said: str, talk: Chat, last: Reply | None) -> None:
    if said == "/new":
        _withdraw(talk, as_json=False)
        number = 2
        base = talk.thread.rpartition("-")[0] or talk.thread
        while f"{base}-{number}" in talk.space.threads():
            number += 1
        talk.thread = f"{base}-{number}"
        typer.echo(dim(f"thread {talk.thread}"))
    elif said.startswith("/reliance "):
        from agentmem.agent.reliance import placed

        try:
            talk.reliance = placed(_dialled(said.removeprefix("/reliance ").strip()))
        except InputError as error:
            typer.echo(dim(str(error)))
    elif said == "/sources" and last is not None:
        now = talk.space.clock()
        read = [e for e in last.recall.evidence if e.id in last.answer.sources] or last.recall.evidence[:3]
        for e in read:
            typer.echo(f"  {strong(heading(e.memory, now))}  {e.score:.2f}\n{lines(e.memory.text, '    ')}")
        typer.echo(dim(f"  confidence {last.recall.confidence:.2f}, depends on memory {last.dependence:.2f}"))
    else:
        typer.echo(dim(HELP))


def _say(talk: Chat, said: str) -> Reply | None:
    from agentmem.agent import Piece

    reply: Reply | None = None
    for event in talk.stream(said):
        if isinstance(event, Piece):
            typer.echo(shown(event.text), nl=False)
            sys.stdout.flush()
        else:
            reply = event
    typer.echo()
    return reply


def _say_json(talk: Chat, said: str) -> Reply:
    reply = talk.ask(said)
    typer.echo(json.dumps(_of(reply, said), ensure_ascii=False))
    return reply


def _of(reply: Reply, said: str | None) -> dict[str, Any]:
    return {
        "asked": said,
        "text": reply.text,
        "abstained": reply.answer.abstained,
        "confidence": reply.answer.confidence,
        "dependence": reply.dependence,
        "sources": list(reply.answer.sources),
        "thread": reply.thread,
        "asked_id": reply.asked,
        "id": reply.id,
        "question": reply.question,
    }
