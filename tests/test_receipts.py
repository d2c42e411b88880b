"""Receipts: signed, without content, chained; every change is found, and the key may be lost, changed or damaged."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import agentmem
from agentmem import cli, config
from agentmem.errors import InputError, KeysError, ReceiptError
from agentmem.types import Draft
from agentmem.unlearning import attest, merkle, receipts
from agentmem.unlearning.keys import Keys, read_public

SECRET = "Quetzalcoatlus prefers elderflower marmalade on Wednesdays."


@pytest.fixture
def erased(space, clock):
    """A space of three erasures; return it with the ids that went, by erasure."""
    ids = space.remember([SECRET, "Miso the cat sleeps.", "The train to Porto was late.", "What stays."])
    (fact,) = space.remember(Draft("Marmalade is liked.", kind="fact", parents=(ids[0],)))
    gone = [[ids[0], fact], [ids[1]], [ids[2]]]
    for group in gone:
        clock.advance(timedelta(days=1))
        space.erase(group[0], actor="support desk", basis="GDPR 17(1)(b)", subject="Ines Duarte", selector=SECRET)
    return space, gone


def documents(space):
    return receipts.documents(space._ledger)


def test_every_erasure_has_a_signed_receipt(erased):
    """What the receipt says is what was done: counts, level, checks, times, who and why."""
    space, _ = erased
    first, second, third = documents(space)
    assert [d["number"] for d in (first, second, third)] == [1, 2, 3]
    assert first["counts"] == {"ledger": {"fact": 1, "turn": 1}}
    assert (first["level"], first["complete"]) == ("physical", True)
    assert first["verified"] == {"suppressed": "held", "rows": "held", "reclaimed": "held", "bytes": "held"}
    assert (first["actor"], first["basis"]) == ("support desk", "GDPR 17(1)(b)")
    assert len(first["artefacts"]) == 2
    assert set(receipts.OUT_OF_SCOPE) <= set(first["out_of_scope"])
    assert second["previous"] == hashlib.sha256(attest.canonical(first)).hexdigest()
    assert [r.signed for r in space.receipts()] == [attest.canonical(d).decode() for d in (first, second, third)]
    assert all(f.ok for f in attest.verify([first, second, third]))


def test_a_receipt_holds_no_content(erased):
    """No text, no id, no name of the person or of the space, and nothing of the request stands in it."""
    space, gone = erased
    written = "\n".join(r.signed for r in space.receipts()).lower()
    words = [*SECRET.lower().rstrip(".").split(), "ines", "duarte", "porto", "miso", "alice"]
    assert [w for w in words if len(w) > 2 and w in written] == []
    assert not any(i.lower() in written for group in gone for i in group)


def test_the_subject_can_be_recognised_with_the_key_alone(erased):
    """The same subject has one digest in one root; without the key nobody can compute it."""
    space, _ = erased
    digests = {d["subject"] for d in documents(space)}
    assert len(digests) == 1
    assert digests.isdisjoint(hashlib.sha256(x).hexdigest() for x in (b"Ines Duarte", b"subject\0Ines Duarte"))


CHANGES = {
    "format": "agentmem receipt 2",
    "number": 7,
    "request": "0" * 16,
    "space": "0" * 64,
    "subject": None,
    "actor": "somebody else",
    "basis": "none",
    "policy": "another",
    "selector": None,
    "counts": {"ledger": {"turn": 9}},
    "artefacts": [],
    "root": "0" * 64,
    "level": "shredded",
    "complete": False,
    "verified": {"probes": "held"},
    "out_of_scope": ["nothing"],
    "requested_at": "2020-01-01T00:00:00+00:00",
    "finished_at": None,
    "issued_at": "2020-01-01T00:00:00+00:00",
    "previous": "1" * 64,
    "public_key": "2" * 64,
    "signature": "3" * 128,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_any_field_is_found(erased, name):
    """Each field is covered by the signature, though what it was changed to is well-formed in itself."""
    document = documents(erased[0])[0]
    attest.check(document)
    assert document[name] != CHANGES[name]
    with pytest.raises(ReceiptError, match="was changed"):
        attest.check({**document, name: CHANGES[name]})


def test_the_changes_name_every_field():
    """The test above forgets none."""
    assert CHANGES.keys() == attest.FIELDS.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("counts", {"ledger": {"turn": -1}}),
        ("out_of_scope", []),
        ("level", "perfect"),
        ("artefacts", ["zz"]),
        ("actor", ""),
    ],
)
def test_what_no_receipt_can_say_is_named(erased, name, value):
    """A field that holds what it cannot hold is named, before any signature is looked at."""
    document = documents(erased[0])[0]
    with pytest.raises(ReceiptError, match=repr(name)):
        attest.check({**document, name: value})
    lacking = {k: v for k, v in document.items() if k != name}
    with pytest.raises(ReceiptError, match=f"no field '{name}'"):
        attest.check(lacking)
    with pytest.raises(ReceiptError, match="no field 'note'"):
        attest.check({**document, "note": "hello"})


def test_a_receipt_taken_out_or_exchanged_breaks_the_chain(erased, tmp_path):
    """Removing one shows as a gap; one that was signed by the same key in its place does not fit."""
    space, _ = erased
    first, second, third = documents(space)
    gap = attest.verify([first, third])
    assert "NOT checked" in next(f.seen for f in gap if f.check == "chain 1-3")
    key = space._eraser.keys.signing()
    body = {k: v for k, v in second.items() if k not in {"signature", "public_key"}}
    forged = attest.signed({**body, "counts": {"ledger": {"turn": 5}}}, key)
    attest.check(forged)
    bad = [f for f in attest.verify([first, forged, third]) if not f.ok]
    assert [f.check for f in bad] == ["chain 2-3"]
    both = [f.check for f in attest.verify([second, forged]) if not f.ok]
    assert both == ["chain 2-2"]


def test_against_the_space_a_forgery_and_a_return_are_found(erased, clock):
    """With the space at hand: it must have issued the receipt, its chain must be whole, and no erased id be there."""
    space, gone = erased
    first, second, _ = documents(space)
    assert all(f.ok for f in receipts.recheck(space._ledger, [first, second]))
    forged = attest.signed(
        {k: v for k, v in first.items() if k not in {"signature", "public_key"}} | {"number": 9},
        space._eraser.keys.signing(),
    )
    assert [f.check for f in receipts.recheck(space._ledger, [forged]) if not f.ok] == ["issued 9"]
    (new,) = space.remember(["Somebody put an older state back."])
    space._ledger.connection.all("UPDATE memories SET id = ? WHERE id = ?", (gone[1][0], new))
    found = [f for f in receipts.recheck(space._ledger, [second]) if not f.ok]
    assert [(f.check, f.seen) for f in found] == [("not back", "1 of the erased memories are there again")]
    space._ledger.connection.all("DELETE FROM receipts WHERE number = 2")
    assert "missing" in next(f.seen for f in receipts.recheck(space._ledger, [first]) if f.check == "chain")
    assert [f.check for f in space.doctor() if not f.ok] == ["receipts"]


def test_a_space_gives_its_receipts_and_checks_them(erased):
    """As a program does it: all hold; one that was changed does not, nor one by a key that is not trusted."""
    space, _ = erased
    given = space.forgetting.documents()
    assert given == documents(space)
    assert [f.check for f in space.forgetting.check() if f.ok][-1] == "not back"
    assert all(f.ok for f in space.forgetting.check(given[:1]))
    assert not all(f.ok for f in space.forgetting.check([{**given[0], "level": "shredded"}]))
    assert [f.check for f in space.forgetting.check(trusted=["0" * 64]) if not f.ok] == ["key"]


def test_who_knows_an_id_can_have_it_proven(erased):
    """The operator's proof convinces who holds the id and the receipt; for another id or receipt it shows nothing."""
    space, gone = erased
    first, second, _ = documents(space)
    (proof,) = receipts.prove(space._ledger, gone[0][1])
    assert attest.covers(first, gone[0][1], proof)
    assert not attest.covers(first, gone[0][0], proof)
    assert not attest.covers(second, gone[0][1], proof)
    assert not attest.covers(first, gone[0][1], {**proof, "opening": "00" * 32})
    assert receipts.prove(space._ledger, "01JWPZ0700XXSR9CE2SQAVCJM2") == []
    with pytest.raises(ReceiptError, match="no proof"):
        attest.covers(first, gone[0][1], {"path": 3})


@settings(max_examples=60)
@given(st.integers(1, 40), st.data())
def test_paths_lead_to_the_root_and_nowhere_else(count, data):
    """Of any number of digests each has a path to the root; another digest, place or count has not."""
    digests = [hashlib.sha256(bytes([n])).hexdigest() for n in range(count)]
    index = data.draw(st.integers(0, count - 1))
    top, path = merkle.root(digests), merkle.path(digests, index)
    assert merkle.leads_to(digests[index], index, count, path, top)
    other = hashlib.sha256(b"another").hexdigest()
    assert not merkle.leads_to(other, index, count, path, top)
    assert not merkle.leads_to(digests[index], count, count, path, top)
    assert not any(merkle.leads_to(digests[index], i, count, path, top) for i in range(count) if i != index)
    if path:
        assert not merkle.leads_to(digests[index], index, count, path[:-1], top)


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_what_is_no_receipt_is_refused_in_words(value):
    """Any JSON that is no receipt is refused with a ReceiptError, never with another error."""
    for name in attest.FIELDS:
        document = dict.fromkeys(attest.FIELDS, value) | {"format": attest.FORMAT}
        with pytest.raises(ReceiptError):
            attest.check(document | {name: value})


def test_the_level_is_what_was_borne_out(space):
    """Nobody can claim a level: a rebuild that matched makes it "equivalent", one failed check "logical" at most."""
    ids = space.remember(["one thing", "another thing"])
    ledger, keys, now = space._ledger, space._eraser.keys, space.clock()
    first = space.erase(ids[0]).number
    receipts.note(ledger, keys, first, verified={"rebuild": "held"}, counts={"checkpoints": {"messages": 2}})
    better = receipts.issue(ledger, keys, first, now)
    assert (better["level"], better["counts"]["checkpoints"]) == ("equivalent", {"messages": 2})
    assert better["number"] == 2
    assert receipts.issue(ledger, keys, first, now) == better, "nothing changed, so no further receipt is issued"
    receipts.note(ledger, keys, first, verified={"probes": "failed"})
    assert receipts.issue(ledger, keys, first, now)["level"] == "logical"
    with pytest.raises(InputError, match="says nothing of 'level'"):
        receipts.note(ledger, keys, first, level="shredded")
    with pytest.raises(InputError, match="cannot stand in a receipt"):
        receipts.note(ledger, keys, first, actor="line\nbreak")
    with pytest.raises(InputError, match="no erasure 99"):
        receipts.note(ledger, keys, 99, actor="me")


def test_while_bytes_remain_the_receipt_says_logical(space):
    """A receipt is issued at once for what was reached, and another when the rest is done."""
    import sqlite3

    (one,) = space.remember([SECRET])
    space._ledger.connection.all("PRAGMA wal_checkpoint(TRUNCATE)")
    reader = sqlite3.connect(space.path / "ledger.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM memories").fetchone()
    space.erase(one)
    reader.execute("COMMIT")
    reader.close()
    space.finish_pending()
    early, late = documents(space)
    assert (early["level"], early["complete"], early["finished_at"]) == ("logical", False, None)
    # the texts were gone when the bytes could be reclaimed, so no file was searched for them: no claim is made
    assert (late["level"], late["complete"], late["verified"]["bytes"]) == ("logical", True, "not made")
    assert early["request"] == late["request"]


def test_a_crash_before_the_receipt_is_made_up_for(system):
    """A receipt that was not issued is issued when the space is opened again, once."""
    space = system.space("alice")
    space.erase(space.remember([SECRET])[0])
    space._ledger.connection.all("DELETE FROM receipts")
    space.close()
    again = system.space("alice")
    assert [d["number"] for d in documents(again)] == [1]
    again.close()
    assert len(documents(system.space("alice"))) == 1


# -- keys ----------------------------------------------------------------------------------------------------------


def test_keys_lie_outside_the_space_and_are_private(system):
    """They are in the root, readable by their owner alone, and in no archive."""
    space = system.space("alice")
    space.erase(space.remember([SECRET])[0], guard=True)
    folder = system.root / "keys"
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    assert [n.split("-")[0] for n in names] == ["guard", "receipts.key", "signing.key", "signing.pub"]
    assert {oct(p.stat().st_mode & 0o777) for p in folder.glob("*.key")} == {"0o600"}
    assert not folder.is_relative_to(space.path)
    secrets = [bytes.fromhex(p.read_text()) for p in folder.glob("*.key") if p.name != "signing.key"]
    files = [p.read_bytes() for p in space.path.rglob("*") if p.is_file()]
    assert not any(key in data or key.hex().encode() in data for key in secrets for data in files)


def test_another_folder_for_keys_but_not_inside_a_space(system, tmp_path, monkeypatch):
    """AGENTMEM_KEYS names another folder; one inside the space is refused, since copies would take the keys along."""
    monkeypatch.setenv("AGENTMEM_KEYS", str(tmp_path / "vault"))
    space = system.space("alice")
    space.erase(space.remember([SECRET])[0])
    assert (tmp_path / "vault" / "signing.key").exists()
    assert not (system.root / "keys").exists()
    monkeypatch.setenv("AGENTMEM_KEYS", str(system.folder("bob") / "keys"))
    with pytest.raises(KeysError, match="lies inside the space"):
        system.space("bob")


def test_a_space_without_a_root_has_its_keys_beside_it(tmp_path):
    """A folder that lies in no root still has its keys outside."""
    assert config.keys(tmp_path / "somewhere" / "mind") == tmp_path / "somewhere" / "keys"
    assert config.keys(tmp_path / "root" / "spaces" / "a") == tmp_path / "root" / "keys"


def test_a_rotated_key_is_vouched_for_by_the_old(erased):
    """Receipts before and after a rotation verify, and whoever trusts the old public key can trust the new."""
    space, _ = erased
    keys = space._eraser.keys
    old, new = keys.rotate_signing()
    space.erase(space.remember(["one more"])[0])
    all_of_them = documents(space)
    assert [d["public_key"] for d in all_of_them] == [old, old, old, new]
    assert [f.ok for f in attest.verify(all_of_them, {old})][-1] is False
    assert attest.successors(old, keys.successions()) == {old, new}
    assert all(f.ok for f in attest.verify(all_of_them, attest.successors(old, keys.successions())))
    forged = [{**keys.successions()[0], "new": "4" * 64}]
    assert attest.successors(old, forged) == {old}
    assert read_public(keys.folder / "signing.pub") == new


def test_a_lost_signing_key_is_replaced_and_that_is_seen(erased):
    """An erasure is not held up by a lost key: a new one signs, and nobody vouched for it."""
    space, _ = erased
    keys = space._eraser.keys
    old = keys.public()
    (keys.folder / "signing.key").unlink()
    space.erase(space.remember(["one more"])[0])
    last = documents(space)[-1]
    assert last["public_key"] != old
    assert attest.successors(old, keys.successions()) == {old}
    assert [f.check for f in attest.verify(documents(space), {old}) if not f.ok] == ["key"]


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN RUBBISH-----", b"\xff\x00"])
def test_a_damaged_signing_key_stops_no_erasure_and_is_told(erased, damage):
    """The memories go, the receipt says why it is not signed, the doctor too; with the key back it is made up for."""
    space, _ = erased
    path = space._eraser.keys.folder / "signing.key"
    good = path.read_bytes()
    path.write_bytes(damage)
    (one,) = space.remember(["one more"])
    receipt = space.erase(one)
    assert one not in space
    assert receipt.signed == ""
    assert "signing.key is damaged" in receipt.unsigned
    assert [f.check for f in space.doctor() if not f.ok] == ["receipts"]
    with pytest.raises(KeysError, match="Bring it back from a backup"):
        space._eraser.keys.public()
    path.write_bytes(good)
    space.finish_pending()
    assert space.receipts()[-1].signed
    assert all(f.ok for f in space.doctor())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything, so this was NOT tested")
def test_an_unreadable_folder_is_told(tmp_path):
    """Without permission the error says where keys are looked for."""
    keys = Keys(tmp_path / "keys")
    keys.public()
    (tmp_path / "keys" / "signing.key").chmod(0)
    with pytest.raises(KeysError, match="AGENTMEM_KEYS"):
        keys.signing()


def test_a_damaged_digest_key_and_a_foreign_public_key_are_refused(tmp_path):
    """A key that is not 32 bytes of hex, or not Ed25519, is named as such."""
    keys = Keys(tmp_path / "keys")
    keys.receipts()
    (tmp_path / "keys" / "receipts.key").write_text("abcd")
    with pytest.raises(KeysError, match="has 2 bytes and not 32"):
        keys.receipts()
    (tmp_path / "keys" / "receipts.key").write_text("no hex")
    with pytest.raises(KeysError, match="is damaged"):
        keys.receipts()
    (tmp_path / "x.pub").write_text("no key")
    with pytest.raises(KeysError, match="no Ed25519 public key"):
        read_public(tmp_path / "x.pub")
    with pytest.raises(KeysError, match="No such file"):
        read_public(tmp_path / "nothing.pub")


# -- command line --------------------------------------------------------------------------------------------------


def run(*words):
    result = CliRunner().invoke(cli.app, list(map(str, words)))
    return result.exit_code, result.stdout


def test_receipts_are_written_verified_and_proven(erased, system, tmp_path):
    """The walk of an officer: write the receipts out, check them offline, then against the space, prove one id."""
    space, gone = erased
    space.close()
    code, _ = run("receipts", "alice", "--out", tmp_path / "r", "--root", system.root)
    files = sorted((tmp_path / "r").glob("*.json"))
    assert (code, [f.name for f in files]) == (0, ["receipt-0001.json", "receipt-0002.json", "receipt-0003.json"])
    public = system.root / "keys" / "signing.pub"
    code, out = run("verify", *files, "--public-key", public, "--json")
    assert (code, json.loads(out)["ok"]) == (0, True)
    code, out = run("verify", *files, "--space", "alice", "--root", system.root)
    assert code == 0
    assert "none of 1 memories is one of them" in out
    code, out = run("receipts", "alice", "--prove", gone[1][0], "--root", system.root)
    (tmp_path / "proof.json").write_text(out)
    assert run("verify", files[1], "--covers", gone[1][0], "--proof", tmp_path / "proof.json")[0] == 0
    assert run("verify", files[0], "--covers", gone[1][0], "--proof", tmp_path / "proof.json")[0] == 1
    assert run("verify", files[0], "--covers", gone[1][0])[0] == 2
    assert run("receipts", "alice", "--prove", "unknown", "--root", system.root)[0] == 2
    code, out = run("receipts", "alice", "--root", system.root, "--json")
    assert [d["number"] for d in json.loads(out)] == [1, 2, 3]


def test_a_changed_file_fails_and_rubbish_is_refused(erased, system, tmp_path):
    """Exit code 1 for a receipt that was changed, 2 for what is no receipt."""
    document = copy.deepcopy(documents(erased[0])[0])
    document["counts"]["ledger"]["turn"] += 1
    file = tmp_path / "r.json"
    file.write_text(json.dumps(document))
    code, out = run("verify", file)
    assert code == 1
    assert "was changed" in out
    twice = json.dumps(document)[:-1] + ', "level": "shredded"}'
    for rubbish in ("", "[]", "[1]", "{", "null", twice):
        file.write_text(rubbish)
        assert run("verify", file)[0] == 2
    assert run("verify", tmp_path / "nothing.json")[0] == 2


def test_keys_are_shown_and_changed(tmp_path):
    """`agentmem keys` says where they are; --rotate replaces the one that signs."""
    code, out = run("keys", "--root", tmp_path / "root", "--json")
    first = json.loads(out)
    assert (code, first["folder"], first["replaced"]) == (0, str(tmp_path / "root" / "keys"), None)
    second = json.loads(run("keys", "--rotate", "--root", tmp_path / "root", "--json")[1])
    assert second["replaced"] == first["public_key"] != second["public_key"]


def test_a_sweep_says_that_it_was_one(space, clock):
    """What faded has a receipt as well, and no tombstone."""
    space.remember([f"memory {n}" for n in range(10)])
    clock.advance(timedelta(days=400))
    assert space.sweep("fifo", budget="5", dry_run=False).receipt.erased == {"turn": 5}
    (document,) = documents(space)
    assert (document["basis"], document["actor"]) == ("retention", "sweep")
    assert space.guard.stones() == []


def test_import_stays_light():
    """Opening a space loads no cryptography; the first erasure does."""
    import subprocess
    import sys

    code = (
        "import sys, tempfile, agentmem\n"
        "s = agentmem.open(tempfile.mkdtemp(), embedder='hash').space('a'); s.remember('x')\n"
        "print('cryptography' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert agentmem.__version__
