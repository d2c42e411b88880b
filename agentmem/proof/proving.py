"""Everything that can be shown of a space without being told what it has forgotten, and more if one is told.

Without texts: erasures are finished, no file hides its bytes from a search, and, if asked for, the space is what it
would be had it never known, and no adversary can tell. With texts that must be gone: no file holds them in any form,
and no question brings them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agentmem.encoding.cues import rule_cues
from agentmem.encoding.encoder import Progress
from agentmem.proof.adversary import play
from agentmem.proof.asking import asker, readers, unnoticed
from agentmem.proof.equivalence import compare
from agentmem.proof.rebuild import rebuilt
from agentmem.space import Space
from agentmem.types import Finding, Memory
from agentmem.unlearning import intents, probes, receipts
from agentmem.unlearning.needles import SHORT, pieces, spelt
from agentmem.unlearning.residue import look

ASKED = 200
"""Questions that the adversary asks of each space."""


def prove(
    space: Space,
    gone: Sequence[str] = (),
    *,
    rebuild: bool = False,
    adversary: bool = False,
    attest: bool = False,
    progress: Progress | None = None,
) -> list[Finding]:
    """Return what could be shown; a finding that does not hold says where something is left.

    `gone` are texts that must be gone. With `attest`, receipts are issued anew that say that the rebuild held, if so.
    """
    now = space.clock()
    findings = [_finished(space), _bytes(space, gone)]
    if gone:
        findings.append(_asked(space, gone, now))
    if not (rebuild or adversary):
        return findings
    with rebuilt(space, progress=progress) as other:
        if rebuild:
            same = compare(space, other, gone)
            findings += same.findings()
            if attest and same.holds and all(f.ok for f in findings):
                findings.append(_attested(space))
        if adversary:
            with unnoticed(space) as moment, unnoticed(other.space, moment):
                asked = [*gone, *(m.text for m in space.memories())]
                step = max(len(asked) // ASKED, 1)
                findings.append(play(asker(space), asker(other.space), [*gone, *asked[len(gone) :: step]]).finding())
    return findings


def _finished(space: Space) -> Finding:
    ledger = space._ledger  # noqa: SLF001 - a proof looks inside
    left = intents.unfinished(ledger)
    done = len(intents.receipts(ledger)) - len(left)
    seen = f"erasures: {done} carried out, {len(left)} not" if left else f"erasures: {done}, all carried out"
    mend = f"see when and why: agentmem forget --list {space.name}" if left else ""
    return Finding("finished", not left, seen, mend)


def _bytes(space: Space, gone: Sequence[str]) -> Finding:
    wanted = [n for text in gone for piece in pieces(text) for n in spelt(piece) if len(n.data) >= SHORT]
    found, blind = look(space.path, wanted)
    if found:
        where = sorted({f"{r.needle.what} in {r.file.relative_to(space.path)}" for r in found})
        seen = f"{len(found)} traces: {'; '.join(where[:5])}"
        return Finding("bytes", ok=False, seen=seen, mend="forget what still says it, and delete copies by hand")
    if blind:
        return Finding("bytes", ok=False, seen=f"cannot be told: {'; '.join(blind[:5])}", mend="look there by hand")
    if not gone:
        return Finding(
            "bytes", ok=True, seen="a canary that was planted was found in every form; no file hides its bytes"
        )
    short = sum(len(text.encode()) < SHORT for text in gone)
    but = f" ({short} too short to be told by their bytes)" if short else ""
    return Finding("bytes", ok=True, seen=f"no file holds any of {len(gone)} texts in any form{but}")


def _asked(space: Space, gone: Sequence[str], now: datetime) -> Finding:
    doomed = [
        Memory("", 0, "turn", text, None, "main", 0, now, now, cues=rule_cues(text, now)) for text in gone if text
    ]
    with unnoticed(space):
        report = probes.run(readers(space), doomed)
    if report.again or report.leaks:
        return Finding(
            "questions",
            ok=False,
            seen=f"{report.again + report.leaks} of {report.asked} brought it back",
            mend=f"find what still says it: agentmem recall {space.name} ...",
        )
    return Finding("questions", report.ok, str(report))


def _attested(space: Space) -> Finding:
    """Have every erasure that is carried out say in a new receipt that the rebuild held."""
    ledger, keys = space._ledger, space._eraser.keys  # noqa: SLF001
    numbers = [r.number for r in intents.receipts(ledger) if r.level == "physical"]
    for number in numbers:
        receipts.note(ledger, keys, number, verified={"rebuild": "held"})
        receipts.issue(ledger, keys, number, space.clock())
    return Finding("receipts", ok=True, seen=f"{len(numbers)} receipts were issued anew and say so")
