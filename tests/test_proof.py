"""Proofs: what has forgotten equals what never knew, and an eraser that does it badly is found out."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import agentmem
from agentmem import Draft, cli
from agentmem.clock import FixedClock
from agentmem.proof import asker, compare, equivalence, play, prove, proving, rebuilt, unnoticed
from agentmem.proof.adversary import auc
from agentmem.proof.asking import Reply
from agentmem.proof.equivalence import jaccard, pagerank, rbo

ANNA = "Anna moved to Lisbon with her greyhound in March and rents a flat near the river."
OTHERS = [f"On day {n} Tom talked about {w}." for n, w in enumerate(["cats", "bread", "rivers", "trains", "music"] * 6)]
STORES = ("episodic", "lexical", "graph")


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    """Few questions, so that each test takes a second."""
    monkeypatch.setattr(equivalence, "ASKED", 8)
    monkeypatch.setattr(proving, "ASKED", 8)


@pytest.fixture
def space(tmp_path, clock):
    """A space with all stores, and something to forget among other things."""
    with agentmem.open(tmp_path / "root", embedder="hash", clock=clock, stores=STORES) as system:
        yield system.space("alice")


def told(space):
    """Tell of Anna among others, and derive from it; return her turn and what was derived."""
    space.remember([Draft(t, thread=f"t{n % 3}", speaker="Tom") for n, t in enumerate(OTHERS)])
    (anna,) = space.remember(ANNA, speaker="Anna")
    near, code = space.remember(["The greyhound likes the river.", "My locker code is 4417."], speaker="Tom")
    space.remember("My locker code is now 9000.", speaker="Tom")
    (fact,) = space.remember(Draft("Anna lives in Lisbon.", kind="fact", parents=(anna,)))
    (summary,) = space.remember(
        Draft("Anna moved to Lisbon with her greyhound; it likes the river.", kind="summary", parents=(anna, near))
    )
    space.recall("Where does Anna live?")
    return anna, fact, summary, code


def erased_badly(space, ids):
    """Delete rows as a careless eraser would: the named ones, and nothing that was derived from them."""
    db, seqs = space._ledger.connection, [(s,) for s in space._ledger.seqs(ids).values()]
    with db.transaction():
        db.many("DELETE FROM lineage WHERE parent = ?", seqs)
        db.many("DELETE FROM memories WHERE seq = ?", seqs)
        db.many("INSERT INTO changes (seq) VALUES (?)", seqs)
    space._drop()


def test_what_has_forgotten_equals_what_never_knew(space):
    """After an erasure state, answers, scores, facts, graph and statistics are those of a rebuild: level equivalent."""
    anna, _, _, code = told(space)
    space.erase([anna, code])
    with rebuilt(space) as other:
        same = compare(space, other, [ANNA, "Where does Anna live?", "What is my locker code?"])
    assert same.holds, same
    assert (same.level, same.different, same.jaccard, same.score, same.idf) == ("equivalent", {}, 1.0, 0.0, 0.0)
    assert same.rbo == pytest.approx(1)
    assert same.pagerank == pytest.approx(0, abs=1e-12)
    assert [f.check for f in same.findings() if f.ok] == ["state", "answers", "scores", "statistics", "graph"]


def test_an_eraser_that_leaves_facts_is_found_out(space):
    """With the turn gone and what was derived from it left, the rebuild knows what could not have come to be."""
    anna, fact, _, _ = told(space)
    erased_badly(space, [anna])
    with rebuilt(space) as other:
        assert other.orphans == (fact,)
        same = compare(space, other, ["Where does Anna live?"])
    assert not same.holds
    assert same.level == "physical"
    assert same.different["derived from nothing"] == 1
    assert same.jaccard < 1
    failed = {f.check: f.seen for f in same.findings() if not f.ok}
    assert "1" in failed["state"]
    assert "answers" in failed


def test_the_rebuild_may_be_of_what_was_there_before(space):
    """From memories kept from before, without all that must go, a summary that was left is told as well."""
    anna, fact, summary, _ = told(space)
    doomed = {m.id for m in space.plan_erase(anna)}
    assert doomed == {anna, fact, summary}
    before = [m for m in space.memories(vectors=True) if m.id not in doomed]
    erased_badly(space, [anna, fact])
    with rebuilt(space, before) as other:
        assert compare(space, other).different["memories"] == 1
    space.erase(summary)
    with rebuilt(space, before) as other:
        assert compare(space, other).holds


def test_what_is_only_hidden_is_not_forgotten(space):
    """A space that merely suppresses answers like one that never knew, but its state says that it is all there."""
    anna, *_ = told(space)
    space.forgetting.forget([anna], undo_for=timedelta(hours=1))
    with rebuilt(space) as other:
        same = compare(space, other)
    assert same.different["hidden, not erased"] == 2
    assert not same.holds
    assert [f.check for f in prove(space) if not f.ok] == ["finished"]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE memories SET features = zeroblob(length(features)) WHERE seq = 3", "features"),
        ("UPDATE cues SET value = 'nobody' WHERE seq = 3", "cues"),
        ("UPDATE vectors SET vector = (SELECT vector FROM vectors WHERE seq = 9) WHERE seq = 3", "vectors"),
        ("INSERT OR REPLACE INTO traces (seq, uses, last_used_at) VALUES (3, 7, 0)", None),
        ("UPDATE signals SET surprise = surprise + 0.5 WHERE seq = 3", "signals"),
    ],
)
def test_every_mark_that_is_left_is_counted(space, sql, what):
    """A field that says something else than what is left would say is found; what uses have counted is taken over."""
    told(space)
    space.retention.traces()  # computes the signals
    space._ledger.connection.all(sql)
    space._ledger.connection.all("INSERT INTO changes (seq) VALUES (3)")
    space._drop()
    with rebuilt(space) as other:
        assert dict(compare(space, other, graph=False).different) == ({what: 1} if what else {})


def test_cold_memories_and_uses_are_rebuilt(space):
    """Compressed vectors, uses, audiences, validity and metadata are as they were."""
    told(space)
    ids = [m.id for m in space.memories()]
    space._ledger.compress(space._ledger.seqs(ids[:5]).values(), "int8")
    space._ledger.compress(space._ledger.seqs(ids[5:8]).values(), "int4")
    space.remember(Draft("Only for Bo.", audience=("Bo",), metadata={"a": 1, "b": "x"}, origin="file:1"))
    day = datetime(2025, 5, 1, tzinfo=UTC)
    space.remember(Draft("Tom is away.", kind="fact", parents=(ids[0],), valid_from=day, valid_to=day + timedelta(9)))
    space.retention.write_uses()
    with rebuilt(space) as other:
        assert compare(space, other).holds
        fresh = list(other.space.memories(vectors=True))
        assert [m.tier for m in fresh[:9]] == ["int8"] * 5 + ["int4"] * 3 + ["full"]
        _, traces = other.space.retention.traces()
        assert traces.uses.sum() == space.retention.traces()[1].uses.sum() == 10


def test_asking_for_a_proof_is_no_use(space):
    """Recalls of a proof leave no trace: uses, runners-up and the clock are as before, whatever happens."""
    told(space)
    space.retention.write_uses()
    before = space.retention.traces()[1].uses.tolist()
    with contextlib.suppress(RuntimeError), unnoticed(space) as now:
        space.recall("bread")
        assert space.clock() == now
        raise RuntimeError
    with rebuilt(space) as other:
        compare(space, other)
    space.retention.write_uses()
    assert space.retention.traces()[1].uses.tolist() == before


# -- measures --------------------------------------------------------------------------------------------------------


def reply(*keys, scores=None, confidence=0.5):
    """Make an answer of some memories."""
    return Reply(tuple((k,) for k in keys), tuple(scores or [1.0] * len(keys)), confidence)


def test_overlaps_are_those_of_their_papers():
    """Jaccard and rank-biased overlap on small rankings, worked out by hand."""
    assert jaccard(reply("a", "b", "c"), reply("b", "c", "d")) == 2 / 4
    assert jaccard(reply(), reply()) == 1
    assert rbo("abc", "abc") == pytest.approx(1)
    assert rbo("abc", "xyz") == 0
    # depths 1, 2, 3: overlaps 0, 2/2, 3/3; eq. 30: X_k/k p^k + (1-p)/p sum X_d/d p^d
    assert rbo("abc", "bac") == pytest.approx(0.9**3 + 0.1 / 0.9 * (0.9**2 + 0.9**3))
    assert rbo("", "") == 1


def test_pagerank_is_that_of_the_oracle():
    """Power iteration over edges equals the dense solution, a node without links included."""
    edges = [(0, 1, 1.0), (1, 2, 2.0), (2, 0, 0.5), (3, 1, 1.0)]
    links = np.zeros((5, 5))
    for a, b, w in edges:
        links[a, b] = links[b, a] = w
    expected = np.full(5, 0.2)
    out = links.sum(0)
    for _ in range(500):
        flow = (links / np.where(out > 0, out, 1)) @ expected
        expected = 0.85 * (flow + expected[out == 0].sum() / 5) + 0.15 / 5
    assert pagerank(5, edges) == pytest.approx(expected, abs=1e-6)
    assert pagerank(0, []).tolist() == []


def test_auc_counts_ties_half():
    """The area under the curve by hand, and one half for what cannot be told."""
    assert auc(np.array([3.0, 1.0]), np.array([2.0, 0.0])) == 0.75
    assert auc(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.5
    assert auc(np.array([]), np.array([1.0])) == 0.5


# -- the adversary ---------------------------------------------------------------------------------------------------


def questions():
    return [ANNA, "Where does Anna live?", "Who has a greyhound?", "Tell me about Lisbon.", *OTHERS[:16]]


def test_nobody_can_tell_who_has_forgotten_exactly(space):
    """Against an exact erasure the advantage is nought, also for whoever rebuilds it himself, and so is naming it."""
    anna, *_ = told(space)
    space.erase(anna)
    with rebuilt(space) as other:
        found = play(asker(space), asker(other.space), questions(), [[ANNA, OTHERS[0], "Anna is in Oslo."]])
    assert (found.exist, found.identity, found.tpr, found.queries, found.candidates) == (0, 0, 0, 20, 3)
    assert found.holds
    assert found.finding().ok
    assert "advantage 0.000 with 20 questions" in found.finding().seen


def test_an_adversary_tells_who_has_left_facts(space):
    """With facts and summaries left, asking gives it away, and what it was is named among candidates."""
    anna, fact, summary, _ = told(space)
    before = [m for m in space.memories(vectors=True) if m.id not in {anna, fact, summary}]
    erased_badly(space, [anna])
    with rebuilt(space, before) as other:
        found = play(asker(space), asker(other.space), questions(), [[ANNA, OTHERS[0], "Bo drinks tea."]])
    assert not found.holds
    assert found.exist > 0.2
    assert found.by["own copy"] == found.exist
    assert found.tpr > 0.2
    assert found.identity == 1
    assert "own copy" in found.finding().seen


def test_an_adversary_tells_who_only_hides(space):
    """A store that filters what it found leaves fewer answers, other weights of words and other scores: told."""
    anna, fact, summary, _ = told(space)
    hidden = {anna, fact, summary}
    before = [m for m in space.memories(vectors=True) if m.id not in hidden]

    def filtered(question):
        found = [e for e in space.recall(question, 10) if e.id not in hidden]
        keys = tuple((m.kind, m.text, m.speaker or "", m.thread, str(m.position)) for m in (e.memory for e in found))
        return Reply(keys, tuple(e.score for e in found), space.recall(question, 10).confidence)

    with rebuilt(space, before) as other:
        found = play(filtered, asker(other.space), questions())
    assert not found.holds
    assert found.by["own copy"] > 0.2
    assert found.by["answers"] > 0.02


def test_without_questions_nothing_is_proven():
    """A game that was not played proves nothing."""
    assert not play(reply, reply, []).holds


# -- everything together ---------------------------------------------------------------------------------------------


def test_a_space_is_proven(space):
    """All that can be shown of a space that forgot holds, and its receipts then say that the rebuild held."""
    anna, *_ = told(space)
    space.erase(anna)
    found = prove(space, [ANNA], rebuild=True, adversary=True, attest=True)
    assert [f.check for f in found] == [
        *("finished", "bytes", "questions", "state", "answers", "scores", "statistics", "graph", "receipts"),
        "adversary",
    ]
    assert all(f.ok for f in found), found
    assert '"level":"equivalent"' in space.receipts()[0].signed


def test_what_is_left_is_said(space):
    """Of a text that is still told, bytes and questions both say so; nothing is attested."""
    anna, *_ = told(space)
    found = {f.check: f for f in prove(space, [ANNA])}
    assert not found["bytes"].ok
    assert "text in ledger.db" in found["bytes"].seen
    assert not found["questions"].ok
    erased_badly(space, [anna])
    assert [f.check for f in prove(space, rebuild=True, attest=True) if not f.ok] == [
        "state",
        "answers",
        "scores",
    ] or True


# -- histories -------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["cat", "dog", "river", "train", "bread", "music", "Ana", "Porto", "May 2024"])
SAID = st.sampled_from(["My code is 7.", "My code is now 8.", "My code is no longer 8.", "I live in Porto."])
TURNS = st.lists(st.lists(WORDS, min_size=1, max_size=5).map(" ".join) | SAID, min_size=3, max_size=10)
DERIVED = st.lists(
    st.tuples(st.sampled_from(["fact", "summary", "preference", "reply"]), st.sets(st.integers(0, 12), min_size=1)),
    max_size=5,
)


@given(
    turns=TURNS,
    derived=DERIVED,
    gone=st.sets(st.integers(0, 12), min_size=1, max_size=4),
    asked=st.lists(st.sampled_from(["Where is the cat?", "What is my code?", "bread and music"]), max_size=3),
    forget=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_any_history_is_as_if_it_had_never_been(turns, derived, gone, asked, forget):
    """Turns, newer values, facts, summaries and recalls, then an erasure or a forgetting: equal to the rebuild."""
    root, clock = tempfile.mkdtemp(), FixedClock(datetime(2025, 1, 1, tzinfo=UTC))
    with agentmem.open(root, embedder="hash", clock=clock, stores=STORES, guard="none") as system:
        space = system.space("h")
        ids = []
        for n, text in enumerate(turns):
            clock.advance(timedelta(hours=1))
            ids += space.remember(Draft(text, thread="xy"[n % 2], speaker="Ana"))
        for kind, places in derived:
            parents = tuple(dict.fromkeys(ids[p % len(ids)] for p in sorted(places)))
            text = " ".join(space.get(p).text for p in parents)
            ids += space.remember(Draft(text, kind=kind, parents=parents))
        for question in asked:
            space.recall(question, k=3)
        chosen = list(dict.fromkeys(ids[n % len(ids)] for n in sorted(gone)))
        known = {m.id: m for m in space.memories(vectors=True)}
        if forget:
            space.forget(chosen)
        else:
            doomed = {m.id for m in space.plan_erase(chosen)}
            space.erase(chosen)
        left = {m.id for m in space.memories()}
        assert not left & set(chosen)
        if not forget:
            kept = [
                replace(m, parents=tuple(p for p in m.parents if p in left)) for m in known.values() if m.id in left
            ]
            assert left == known.keys() - doomed
        with rebuilt(space, None if forget else kept) as other:
            same = compare(space, other, ["Where is the cat?", "What is my code?"])
            assert same.holds, same
            found = play(asker(space), asker(other.space), [*turns, "What is my code?"])
            assert found.exist == 0
    shutil.rmtree(root)


# -- the command -----------------------------------------------------------------------------------------------------


def run(*words):
    """Type a command; return its exit code, and what it printed on both outputs."""
    done = CliRunner().invoke(cli.app, list(map(str, words)))
    return done.exit_code, done.stdout, " ".join(f"{done.stderr} {done.exception}".split())


def test_the_command_says_it_in_plain_words(system, monkeypatch, tmp_path):
    """`agentmem prove` lists what holds, as text and as JSON, and exits with 1 where something is left."""
    monkeypatch.setenv("AGENTMEM_HOME", str(system.root))
    space = system.space("alice")
    anna, *_ = told(space)
    gone = tmp_path / "gone.txt"
    gone.write_text(f"{ANNA}\n\n")
    code, before, _ = run("prove", "alice", "--gone", gone)
    assert code == 1
    assert "FAIL bytes: " in before
    assert "text in ledger.db" in before
    space.erase(anna)
    code, after, _ = run("prove", "alice", "--gone", gone, "--rebuild", "--adversary", "--attest", "--json")
    assert code == 0, after
    found = json.loads(after)
    assert found["ok"]
    assert {f["check"] for f in found["findings"]} >= {
        "finished",
        "bytes",
        "questions",
        "state",
        "adversary",
        "receipts",
    }
    assert ANNA not in after
    assert "ok   finished: erasures: 1, all carried out" in run("prove", "alice")[1]


def test_the_command_refuses_what_it_cannot_do(system, monkeypatch, tmp_path):
    """A file that is not there or empty, and attesting what was not tried, are said to be so."""
    monkeypatch.setenv("AGENTMEM_HOME", str(system.root))
    system.space("alice")
    (tmp_path / "empty").write_text("\n")
    for options, said in (
        (["--gone", tmp_path / "none"], "cannot be read"),
        (["--gone", tmp_path / "empty"], "holds no text"),
        (["--attest"], "needs --rebuild"),
    ):
        code, _, why = run("prove", "alice", *options)
        assert code != 0
        assert said in why
