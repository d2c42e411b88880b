"""What a receipt is, and whether one can be believed, without the space that issued it: signature, form and chain.

A receipt is a JSON object without content: digests, counts, times, how far the erasure went and by what that was looked
at, what is out of its reach, the SHA-256 of the receipt before it, and an Ed25519 signature over its canonical form
(RFC 8785 as far as it matters here: keys in order, no blanks, ASCII, no fractions).
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from agentmem.errors import ReceiptError
from agentmem.types import Finding, MemoryId
from agentmem.unlearning import keys, merkle

FORMAT = "agentmem receipt 1"
FIRST = "0" * 64
"""What the first receipt of a space has for `previous`."""
LEVELS = ("suppressed", "logical", "physical", "equivalent", "shredded")
OUTCOMES = ("held", "failed", "not made")
LARGEST = 2**26
"""Bytes of a file with receipts: digests of a million memories."""

Document = Mapping[str, Any]

_LABEL = re.compile(r"[\w .,:;()/+@='-]{1,160}")
_HEX = re.compile(r"[0-9a-f]*")


def label(value: Any) -> bool:
    """Say whether a value may stand in a receipt as a name: short, of letters, digits and plain signs."""
    return isinstance(value, str) and bool(_LABEL.fullmatch(value)) and bool(value.strip())


def _digest(size: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) == 2 * size and bool(_HEX.fullmatch(value))


def _time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(
        label(store) and isinstance(of, dict) and all(label(k) and _count(n) for k, n in of.items())
        for store, of in value.items()
    )


def _verified(value: Any) -> bool:
    return isinstance(value, dict) and all(label(k) and v in OUTCOMES for k, v in value.items())


def _listed(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(label, value))


def _artefacts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_digest(32), value)) and value == sorted(set(value))


def _or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "format": lambda value: value == FORMAT,
    "number": lambda value: _count(value) and value > 0,
    "request": _digest(8),
    "space": _digest(32),
    "subject": _or_none(_digest(32)),
    "actor": label,
    "basis": label,
    "policy": _or_none(label),
    "selector": _or_none(_digest(32)),
    "counts": _counts,
    "artefacts": _artefacts,
    "root": _digest(32),
    "level": lambda value: value in LEVELS,
    "complete": lambda value: isinstance(value, bool),
    "verified": _verified,
    "out_of_scope": _listed,
    "requested_at": _time,
    "finished_at": _or_none(_time),
    "issued_at": _time,
    "previous": _digest(32),
    "public_key": _digest(32),
    "signature": _digest(64),
}
"""Every field of a receipt, and what it must look like."""


def canonical(document: Document) -> bytes:
    """Return the one way to write a document: what is signed and what the chain hashes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def fingerprint(document: Document) -> str:
    """Return the SHA-256 of a whole document, by which the next receipt names it."""
    return hashlib.sha256(canonical(document)).hexdigest()


def signed(body: Document, key: Any) -> dict[str, Any]:
    """Return a document with the public half of an Ed25519 key, and signed by it."""
    named = {**body, "public_key": keys.raw_public(key)}
    return {**named, "signature": key.sign(canonical(named)).hex()}


def load(file: Path) -> list[dict[str, Any]]:
    """Return the receipts in a file: one, or a list of them. Raises ReceiptError for what is none."""
    try:
        with file.open("rb") as handle:
            data = handle.read(LARGEST + 1)
    except OSError as error:
        raise ReceiptError(f"{file} cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST:
        raise ReceiptError(f"{file} is too large to be a receipt")
    try:
        found = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ReceiptError(
            f"{file} is no receipt: {error}. Write one with: agentmem receipts SPACE --out DIR"
        ) from error
    documents = found if isinstance(found, list) else [found]
    if not documents or not all(isinstance(d, dict) for d in documents):
        raise ReceiptError(f"{file} is no receipt: it holds no JSON object. Write one with: agentmem receipts SPACE")
    return documents


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands in it twice")
    return found


def check(document: Document) -> None:
    """Raise ReceiptError, which names the field at fault, unless form, root and signature of a receipt are right."""
    if missing := [name for name in FIELDS if name not in document]:
        raise ReceiptError(f"this is no receipt, or part of one: it has no field {missing[0]!r}")
    if more := sorted(document.keys() - FIELDS.keys()):
        raise ReceiptError(f"the receipt was changed: a receipt has no field {more[0][:40]!r}")
    for name, good in FIELDS.items():
        if not good(document[name]):
            raise ReceiptError(f"the receipt was changed: its field {name!r} does not hold what such a field holds")
    if merkle.root(document["artefacts"]) != document["root"]:
        raise ReceiptError("the receipt was changed: its 'root' is not that of its 'artefacts'")
    body = {name: value for name, value in document.items() if name != "signature"}
    if not verifies(document["public_key"], document["signature"], canonical(body)):
        raise ReceiptError("the receipt was changed, or signed by another key: its 'signature' does not fit")


def sound(document: Document) -> bool:
    """Say whether form, root and signature of a receipt are right."""
    try:
        check(document)
    except ReceiptError:
        return False
    return True


def verifies(public_key: str, signature: str, data: bytes) -> bool:
    """Say whether a signature (128 hex digits) of `data` was made with the key of which this is the public half."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify(documents: Sequence[Document], trusted: Collection[str] = ()) -> list[Finding]:
    """Check receipts of one space offline: each for itself, then the chain through them, then whose key signed them.

    `trusted` are public keys (64 hex digits); without any, that a key is the operator's is not checked, and said so.
    """
    findings, sound = [], []
    for document in documents:
        name = f"receipt {document['number']}" if _count(document.get("number")) else "receipt"
        try:
            check(document)
        except ReceiptError as error:
            findings.append(Finding(name, ok=False, seen=str(error), mend="ask whoever issued it for another copy"))
            continue
        sound.append(document)
        findings.append(Finding(name, ok=True, seen=said(document)))
    findings += chain(sound)
    if sound:
        findings.append(_signer({d["public_key"] for d in sound}, trusted))
    return findings


def said(document: Document) -> str:
    """Say in a sentence what a receipt says."""
    kinds = document["counts"].get("ledger", {})
    what = ", ".join(f"{n} {kind}" for kind, n in kinds.items()) or "nothing"
    by = [name for name, outcome in document["verified"].items() if outcome == "held"]
    failed = [name for name, outcome in document["verified"].items() if outcome == "failed"]
    return (
        f"form, root and signature hold; {document['issued_at'][:10]}: {what} erased, level {document['level']}"
        f"; looked at: {', '.join(by) or 'nothing'}" + (f"; FAILED: {', '.join(failed)}" if failed else "")
    )


def chain(documents: Sequence[Document]) -> list[Finding]:
    """Check that receipts follow each other; they are taken in the order of their numbers."""
    ordered = sorted(documents, key=lambda d: d["number"])
    findings = []
    for one, other in itertools.pairwise(ordered):
        step = f"chain {one['number']}-{other['number']}"
        if one["number"] == other["number"]:
            same = fingerprint(one) == fingerprint(other)
            seen = "given twice" if same else "two different receipts have this number: one of them was forged"
            findings.append(Finding(step, same, seen, "" if same else "compare both with the space: --space SPACE"))
        elif one["space"] != other["space"]:
            findings.append(Finding(step, ok=True, seen="of a space with another name; restored from an archive?"))
        elif other["number"] > one["number"] + 1:
            seen = "those between were not given, so the chain was NOT checked here"
            findings.append(Finding(step, ok=True, seen=seen))
        elif other["previous"] != fingerprint(one):
            seen = f"receipt {other['number']} does not follow receipt {one['number']}: one was exchanged"
            findings.append(Finding(step, ok=False, seen=seen, mend="compare both with the space: --space SPACE"))
        else:
            findings.append(Finding(step, ok=True, seen="the later names the earlier by its digest"))
    if ordered and ordered[0]["number"] == 1 and ordered[0]["previous"] != FIRST:
        findings.append(Finding("chain 1", ok=False, seen="the first receipt names one before it: it was exchanged"))
    return findings


def _signer(used: Collection[str], trusted: Collection[str]) -> Finding:
    short = ", ".join(sorted(k[:16] for k in used))
    if not trusted:
        seen = f"signed by {short}; whether that is the operator's key was NOT checked"
        return Finding("key", ok=True, seen=seen, mend="pass the operator's signing.pub with --public-key")
    if strangers := sorted(set(used) - set(trusted)):
        seen = f"signed by {strangers[0][:16]}, which is none of the trusted keys"
        return Finding("key", ok=False, seen=seen, mend="it was signed by somebody else, or before a rotation of keys")
    return Finding("key", ok=True, seen=f"signed by {short}, as trusted")


def successors(trusted: str, vouched: Sequence[Mapping[str, str]]) -> set[str]:
    """Return the keys that lead to the trusted one or come from it, where the older vouched for the newer."""
    known = {trusted}
    good = [
        (v["old"], v["new"])
        for v in vouched
        if verifies(v.get("old", ""), v.get("signature", ""), keys.succession(v.get("old", ""), v.get("new", "")))
    ]
    for old, new in reversed(good):
        if new in known:
            known.add(old)
    for old, new in good:
        if old in known:
            known.add(new)
    return known


# -- who is covered ------------------------------------------------------------------------------------------------


def opening(key: bytes, id_: MemoryId) -> bytes:
    """Return what opens the digest of one id to whoever holds that id, and says nothing of any other."""
    return hmac.new(key, id_.encode(), hashlib.sha256).digest()


def digest(key: bytes, id_: MemoryId) -> str:
    """Return the digest of an id: HMAC-SHA256 of it under its opening, which is one under the space's key."""
    return hmac.new(opening(key, id_), id_.encode(), hashlib.sha256).hexdigest()


def proof(document: Document, key: bytes, id_: MemoryId) -> dict[str, Any] | None:
    """Return the proof, made by the operator, that a receipt covers a memory; None if it does not."""
    artefacts = document["artefacts"]
    own = digest(key, id_)
    if own not in artefacts:
        return None
    index = artefacts.index(own)
    return {
        "receipt": fingerprint(document),
        "root": document["root"],
        "index": index,
        "of": len(artefacts),
        "opening": opening(key, id_).hex(),
        "path": merkle.path(artefacts, index),
    }


def covers(document: Document, id_: MemoryId, given: Mapping[str, Any]) -> bool:
    """Say whether a proof shows that a receipt covers the memory of this id. Raises ReceiptError for no proof."""
    try:
        own = hmac.new(bytes.fromhex(given["opening"]), id_.encode(), hashlib.sha256).hexdigest()
        below = merkle.leads_to(own, given["index"], given["of"], given["path"], document["root"])
        return below and given["receipt"] == fingerprint(document) and given["of"] == len(document["artefacts"])
    except (KeyError, TypeError, ValueError) as error:
        raise ReceiptError(
            f"this is no proof of a receipt ({error}); make one with: agentmem receipts --prove"
        ) from error
