"""Issuing receipts: one for every erasure, and one more whenever it got further, each naming the one before.

    note(ledger, keys, number, actor="support desk", basis="GDPR 17(1)(b)", subject="Anna Reyes", selector=json)
    note(ledger, keys, number, verified={"probes": "held"}, counts={"checkpoints": {"messages": 4}})
    issue(ledger, keys, number, now)

What is noted stands in the intent log until it is issued, so that a crash loses none of it; subjects and selectors are
digested at once, under a key that lies outside the ledger. The level is never said by the caller: it is what the state
of the erasure and its checks bear out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agentmem.errors import InputError, KeysError, ReceiptError
from agentmem.ledger import Ledger, rows
from agentmem.types import Finding, MemoryId
from agentmem.unlearning import attest, intents, merkle
from agentmem.unlearning.attest import Document
from agentmem.unlearning.keys import Keys

OUT_OF_SCOPE = (
    "copies made before: archives, backups, snapshots of the disk",
    "what was sent to providers of models, their logs and caches",
    "logs and traces of other programs",
    "what people and other programs have read or copied",
    "swap, and the memory of processes that run",
    "weights of models that were trained on it",
)
"""What no erasure of a space reaches; a receipt that lists nothing here does not exist."""

REQUEST, BY_ID, RETENTION = "request", "erasure by id", "retention"
"""Why something was erased, where nobody says it more precisely."""

_FIELDS = frozenset({"actor", "basis", "policy", "subject", "selector", "counts", "verified", "out_of_scope"})
_ISSUED = ("number", "issued_at", "previous", "public_key", "signature")


def note(ledger: Ledger, keys: Keys, number: int, **terms: Any) -> None:
    """Note what the receipt of erasure `number` will say: of `actor`, `basis`, `policy`, `subject`, `selector`,
    `counts` ({store: {kind: n}}), `verified` ({check: "held" | "failed" | "not made"}) and `out_of_scope` (more of it).

    Names are labels of at most 160 letters, digits and plain signs: they stand in the receipt as they are, so no
    content belongs into them. `subject` and `selector` may be anything; only their keyed digests are kept. Raises
    InputError, KeysError.
    """  # noqa: D205 - the list of names is one sentence
    if unknown := sorted(terms.keys() - _FIELDS):
        raise InputError(f"a receipt says nothing of {unknown[0]!r}; use one of {', '.join(sorted(_FIELDS))}")
    for name in ("subject", "selector"):
        if terms.get(name) is not None:
            terms[name] = _keyed(keys, name, str(terms[name]))
    with ledger.connection.joined():
        noted = _terms(ledger, number)
        for name in ("counts", "verified"):
            terms[name] = {**noted.get(name, {}), **terms.get(name, {})}
        more = [*noted.get("out_of_scope", ()), *terms.get("out_of_scope", ())]
        merged = {**noted, **{k: v for k, v in terms.items() if v}, "out_of_scope": list(dict.fromkeys(more))}
        for name, value in merged.items():
            if value and not attest.FIELDS[name](value):
                raise InputError(f"{name}={value!r:.60} cannot stand in a receipt; use short plain labels and counts")
        sql = "UPDATE erasures SET terms = ? WHERE number = ?"
        ledger.connection.all(sql, (json.dumps({k: v for k, v in merged.items() if v}), number))


def issue(ledger: Ledger, keys: Keys, number: int, now: datetime) -> Document:
    """Issue the receipt of erasure `number` as it stands, and return it; the last one again, if nothing has changed.

    Raises KeysError where it cannot be signed.
    """
    key, salt = keys.signing(), keys.receipts()
    with ledger.connection.transaction():
        body = _body(ledger, salt, number)
        found = ledger.connection.all(
            "SELECT document FROM receipts WHERE erasure = ? ORDER BY number DESC LIMIT 1", (number,)
        )
        if found and {k: v for k, v in json.loads(found[0][0]).items() if k not in _ISSUED} == body:
            return dict(json.loads(found[0][0]))
        before = ledger.connection.all("SELECT number, document FROM receipts ORDER BY number DESC LIMIT 1")
        last, previous = (before[0][0], attest.fingerprint(json.loads(before[0][1]))) if before else (0, attest.FIRST)
        chained = {**body, "number": last + 1, "previous": previous, "issued_at": now.isoformat()}
        document = attest.signed(chained, key)
        attest.check(document)
        sql = "INSERT INTO receipts (number, erasure, document) VALUES (?, ?, ?)"
        ledger.connection.all(sql, (last + 1, number, attest.canonical(document).decode()))
    return document


def issue_due(ledger: Ledger, keys: Keys, now: datetime) -> None:
    """Issue what is due: for erasures that got somewhere of which no receipt tells yet.

    Where the key cannot be used the erasures say so (`Receipt.unsigned`), and the next call tries again: an erasure is
    never held up by its paper.
    """
    why = ""
    for number in due(ledger):
        try:
            issue(ledger, keys, number, now)
        except KeysError as error:
            why = str(error)
            break
    if why != (ledger.meta("unsigned") or ""):
        ledger.note("unsigned", why)


def due(ledger: Ledger) -> list[int]:
    """Return the erasures past suppression that no complete receipt tells of, oldest first."""
    sql = (
        "SELECT number FROM erasures WHERE state NOT IN ('suppressed', 'undone') AND number NOT IN "
        "(SELECT erasure FROM receipts WHERE json_extract(document, '$.complete')) ORDER BY number"
    )
    return [number for (number,) in ledger.connection.all(sql)]


def documents(ledger: Ledger) -> list[dict[str, Any]]:
    """Return every signed receipt, oldest first."""
    return [json.loads(d) for (d,) in ledger.connection.all("SELECT document FROM receipts ORDER BY number")]


def recheck(ledger: Ledger, given: Sequence[Document]) -> list[Finding]:
    """Check receipts against the space that issued them: whether they are in its chain, and whether all is gone."""
    chained = documents(ledger)
    held = {d["number"]: attest.fingerprint(d) for d in chained}
    findings = []
    for document in given:
        known = held.get(document["number"])
        ok = known == attest.fingerprint(document)
        other = "another receipt has its number" if known else f"the space has issued {len(held)} receipts, not this"
        findings.append(
            Finding(
                f"issued {document['number']}",
                ok,
                "it stands in the space's own chain" if ok else other,
                "" if ok else "it is of another space, or was forged, or the space was put back to an older state",
            )
        )
    findings.append(whole(chained))
    living = [i for (i,) in ledger.connection.all("SELECT id FROM memories")]
    key = intents.receipt_key(ledger)
    there = {attest.digest(key, i) for i in living}
    back = sum(len(there.intersection(d["artefacts"])) for d in given)
    seen = (
        f"{back} of the erased memories are there again" if back else f"none of {len(living)} memories is one of them"
    )
    mend = "an older state was put back: erase them again" if back else ""
    return [*findings, Finding("not back", not back, seen, mend)]


def whole(chained: Sequence[Document]) -> Finding:
    """Check all receipts of a space: each for itself, and that none was taken out or exchanged."""
    for document in chained:
        try:
            attest.check(document)
        except ReceiptError as error:
            seen = f"receipt {document.get('number')} of the space: {error}"
            return Finding("chain", ok=False, seen=seen, mend="restore the last archive")
    broken = next((f for f in attest.chain(chained) if not f.ok), None)
    numbers = [d["number"] for d in chained]
    if broken or numbers != list(range(1, len(numbers) + 1)):
        seen = broken.seen if broken else "receipts are missing from the space's chain"
        return Finding("chain", ok=False, seen=seen, mend="restore the last archive")
    return Finding("chain", ok=True, seen=f"the space's chain of {len(chained)} is whole")


def prove(ledger: Ledger, id_: MemoryId) -> list[dict[str, Any]]:
    """Return proofs that receipts cover the memory of this id, oldest first; whoever holds the id can check each."""
    key = intents.receipt_key(ledger)
    return [found for d in documents(ledger) if (found := attest.proof(d, key, id_)) is not None]


# -- inside --------------------------------------------------------------------------------------------------------


def _body(ledger: Ledger, salt: bytes, number: int) -> dict[str, Any]:
    sql = "SELECT state, requested_at, finished_at, erased, digests, checked FROM erasures WHERE number = ?"
    state, requested, finished, erased, digests, checked = ledger.connection.all(sql, (number,))[0]
    terms = _terms(ledger, number)
    artefacts = sorted(set(json.loads(digests)))
    verified = {
        "suppressed": "held",
        "rows": "held" if state != "suppressed" else "not made",
        "reclaimed": "held" if state == "reclaimed" else "not made",
        "bytes": "held" if checked else "not made",
        **terms.get("verified", {}),
    }
    done = rows.maybe(finished)
    return {
        "format": attest.FORMAT,
        "request": _hmac(salt, f"request\0{intents.receipt_key(ledger).hex()}\0{number}")[:16],
        "space": _hmac(salt, f"space\0{ledger.meta('name')}"),
        "subject": terms.get("subject"),
        "actor": terms.get("actor", "operator"),
        "basis": terms.get("basis", BY_ID),
        "policy": terms.get("policy"),
        "selector": terms.get("selector"),
        "counts": {"ledger": json.loads(erased), **terms.get("counts", {})},
        "artefacts": artefacts,
        "root": merkle.root(artefacts),
        "level": _level(state, verified),
        "complete": state == "reclaimed",
        "verified": verified,
        "out_of_scope": list(dict.fromkeys([*OUT_OF_SCOPE, *terms.get("out_of_scope", ())])),
        "requested_at": rows.moment(requested).isoformat(),
        "finished_at": None if done is None else done.isoformat(),
    }


def _level(state: str, verified: Mapping[str, str]) -> str:
    """Return how far an erasure got: no further than was looked, and no further than "logical" if a check failed."""
    reached = intents.LEVEL[state]
    if reached == "physical" and (verified["bytes"] != "held" or "failed" in verified.values()):
        return "logical"
    if reached != "physical":
        return reached
    if verified.get("shred") == "held":
        return "shredded"
    return "equivalent" if verified.get("rebuild") == "held" else "physical"


def _terms(ledger: Ledger, number: int) -> dict[str, Any]:
    found = ledger.connection.all("SELECT terms FROM erasures WHERE number = ?", (number,))
    if not found:
        raise InputError(f"there is no erasure {number} in this space")
    return dict(json.loads(found[0][0]))


def _keyed(keys: Keys, name: str, value: str) -> str:
    return _hmac(keys.receipts(), f"{name}\0{value}")


def _hmac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
