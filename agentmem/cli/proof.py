"""Commands that prove forgetting and keep it: verify, receipts, guard, keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentmem.cli.options import AsJson, Root, Space
from agentmem.cli.terminal import FAILURE, ago, counted, dim, emit, open_root, open_space, shown, strong, table
from agentmem.errors import InputError, MemoryNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import agentmem.space
    from agentmem.types import Finding

PANEL = "Forgetting"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (receipts, verify, guard, keys):
        app.command(rich_help_panel=PANEL)(command)


def receipts(
    space: Space,
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each receipt into this folder, as one file.")
    ] = None,
    prove: Annotated[
        str | None, typer.Option(metavar="ID", help="Make proofs that this erased memory is covered.")
    ] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """List the signed receipts of all erasures, write them out, or prove that one covers a memory.

    A receipt holds no content: it can be handed to whoever asked, and to who checks.

    [dim]$[/] agentmem receipts alice --out receipts
    """
    from agentmem.unlearning import receipts as issued

    with open_space(space, root) as opened:
        if prove is not None:
            proofs = issued.prove(opened._ledger, prove)  # noqa: SLF001 - the proof needs the key in the ledger
            if not proofs:
                raise MemoryNotFoundError(f"no receipt of {space!r} covers a memory {prove!r}")
            emit(proofs[-1])
            return
        documents = opened.forgetting.documents()
        files = [] if out is None else _written(documents, out)
        unsigned = sorted({r.unsigned for r in opened.receipts() if r.unsigned})
        if as_json:
            emit(documents)
        else:
            _print_receipts(documents, files, unsigned, opened)


def _written(documents: Sequence[Mapping[str, Any]], out: Path) -> list[Path]:
    files = [out / f"receipt-{document['number']:04}.json" for document in documents]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, document in zip(files, documents, strict=True):
            file.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{error.filename or out}: {error.strerror or error}; choose another folder for --out"
        ) from error
    return files


def _print_receipts(
    documents: Sequence[Mapping[str, Any]], files: list[Path], unsigned: list[str], space: agentmem.space.Space
) -> None:
    from datetime import datetime

    now = space.clock()
    rows = [
        (
            str(d["number"]),
            ago(datetime.fromisoformat(d["issued_at"]), now),
            ", ".join(f"{n} {kind}" for kind, n in d["counts"]["ledger"].items()),
            d["level"] if d["complete"] else f"{d['level']}, not finished",
            d["basis"],
            d["actor"],
        )
        for d in documents
    ]
    if rows:
        table(("no.", "issued", "erased", "level", "basis", "by"), rows, right=(0,), whole=(0, 1))
    else:
        typer.echo("Nothing was ever erased here.")
    for why in unsigned:
        typer.echo(f"Some could not be signed: {shown(why)}")
    if files:
        typer.echo(f"{counted(len(files), 'file')} in {files[0].parent}. Check them with: agentmem verify {files[0]}")


def verify(
    receipts: Annotated[
        list[Path], typer.Argument(metavar="RECEIPT...", help="Files with receipts.", show_default=False)
    ],
    *,
    space: Annotated[
        str | None, typer.Option(metavar="SPACE", help="Check against the space as well: is it gone, and still gone?")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The operator's signing.pub; without it, any key will do.")
    ] = None,
    covers: Annotated[str | None, typer.Option(metavar="ID", help="Check that it covers this memory.")] = None,
    proof: Annotated[Path | None, typer.Option(metavar="FILE", help="The operator's proof of that.")] = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Check receipts: form, signature and chain, offline; with --space, that what they name is gone and not back.

    Exits with 1 if anything does not hold.

    [dim]$[/] agentmem verify receipts/receipt-0001.json --public-key signing.pub
    """
    from agentmem.unlearning import attest
    from agentmem.unlearning import keys as signing

    documents = [document for file in receipts for document in attest.load(file)]
    trusted = set() if public_key is None else {signing.read_public(public_key)}
    if space is None:
        findings = attest.verify(documents, trusted)
    else:
        with open_space(space, root) as opened:
            findings = opened.forgetting.check(documents, trusted)
    if covers is not None or proof is not None:
        findings.append(_covered(documents, covers, proof))
    tell(findings, as_json=as_json)


def _covered(documents: Sequence[Mapping[str, Any]], covers: str | None, proof: Path | None) -> Finding:
    from agentmem.types import Finding
    from agentmem.unlearning import attest

    if covers is None or proof is None:
        raise InputError(
            "--covers ID and --proof FILE belong together; make a proof with: agentmem receipts --prove ID"
        )
    (given, *_) = attest.load(proof)
    ok = any(attest.covers(d, covers, given) for d in documents if attest.sound(d))
    seen = "the proof shows that the receipt covers this memory" if ok else "the proof does not show it"
    return Finding("covers", ok, seen, "" if ok else "it is for another receipt or another memory")


def tell(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print findings, and exit with 1 if any does not hold."""
    good = all(f.ok for f in findings)
    if as_json:
        emit(
            {"ok": good, "findings": [{"check": f.check, "ok": f.ok, "seen": f.seen, "mend": f.mend} for f in findings]}
        )
    else:
        for finding in findings:
            typer.echo(f"{strong('ok  ' if finding.ok else 'FAIL')} {finding.check}: {shown(finding.seen)}")
            if finding.mend:
                typer.echo(dim(f"     {shown(finding.mend)}"))
    if not good:
        raise typer.Exit(FAILURE)


def guard(
    space: Space,
    *,
    release: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Let what tombstone N keeps out be said again (repeatable).")
    ] = None,
    release_all: Annotated[bool, typer.Option("--release-all", help="Take all tombstones away.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Check nothing, and keep nothing new to check by.")] = False,
    on: Annotated[bool, typer.Option("--on", help="Check again, as by default (quarantine).")] = False,
    to: Annotated[str | None, typer.Option("--set", metavar="ACTION", help="block, quarantine, allow or none.")] = None,
    rotate: Annotated[bool, typer.Option("--rotate", help="Use a new key for new tombstones.")] = False,
    shred: Annotated[bool, typer.Option("--shred", help="Destroy keys and tombstones, for good.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the tombstones (which is done anyway).")] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Show or set what keeps the forgotten from coming back into a space.

    A tombstone holds no words, only keyed digests of them; the key lies outside the space.

    [dim]$[/] agentmem guard alice --release 3
    """
    del list_
    if sum(map(bool, (off, on, to))) > 1:
        raise InputError("--off, --on and --set exclude each other")
    with open_space(space, root) as opened:
        if off or on or to:
            opened.guard.set(to or ("none" if off else "quarantine"))
        if rotate:
            opened.guard.rotate()
        gone = opened.guard.shred() if shred else 0
        if release_all or release:
            gone += opened.guard.release(None if release_all else release)
        stones, finding = opened.guard.stones(), opened.guard.finding()
        if as_json:
            listed = [stone._asdict() for stone in stones]
            emit(
                {
                    "action": opened.guard.action,
                    "ok": finding.ok,
                    "seen": finding.seen,
                    "released": gone,
                    "stones": listed,
                }
            )
            return
        now = opened.clock()
        if gone:
            typer.echo(f"{counted(gone, 'tombstone')} taken away.")
        rows = [
            (
                str(s.number),
                s.scope,
                ago(s.since, now),
                "never" if s.expires is None else f"{s.expires:%Y-%m-%d}",
                str(s.hits),
                "here" if s.key_here else "GONE",
            )
            for s in stones
        ]
        if rows:
            table(("no.", "of", "since", "expires", "kept out", "key"), rows, right=(0, 4), whole=(0, 1, 2))
        typer.echo(f"guard: {shown(finding.seen)}" + (dim(f"  {finding.mend}") if finding.mend else ""))


def keys(
    rotate: Annotated[bool, typer.Option("--rotate", help="Sign with a new key from now on.")] = False,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Show where the keys lie that sign receipts and guard what was forgotten; change the signing key.

    Hand out signing.pub. Keep a copy of the folder, apart from the backups of the spaces.

    [dim]$[/] agentmem keys
    """
    from agentmem import config
    from agentmem.unlearning.keys import PUBLIC, Keys

    with open_root(root) as system:
        own = Keys(config.keys(system.folder("any")))
    before = own.rotate_signing()[0] if rotate else None
    public = own.public()
    if as_json:
        emit({"folder": str(own.folder), "public_key": public, "replaced": before})
        return
    typer.echo(f"{own.folder}\npublic key {public}  ({own.folder / PUBLIC})")
    if before is not None:
        typer.echo(f"It replaces {before}, which has vouched for it; receipts of that stay valid.")
