"""Several principals on one space: each sees what it may, and what is derived is as narrow as its parents."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

import agentmem
from agentmem import Draft, Filter, proof, sharing
from agentmem.cli import app
from agentmem.errors import InputError, MemoryNotFoundError
from agentmem.ledger import replacing
from agentmem.sharing import Seat


@pytest.fixture
def space(tmp_path):
    with agentmem.open(tmp_path, embedder="hash", stores=("episodic", "lexical", "graph")) as system:
        yield system.space("office")


def test_only_the_audience_sees_a_memory(space):
    """Recall, listing, get and timeline of the others do not show that it exists; its author and audience see it."""
    ana, ben, carla = (Seat(space, name) for name in ("ana", "ben", "carla"))
    (secret,) = ana.remember("My locker code is 4417.", audience=("ben",))
    (open_,) = ana.remember("The office opens at nine.")
    for who in (ana, ben):
        assert who.recall("What is ana's locker code?").ids[0] == secret
        assert [m.id for m in who.memories()] == [secret, open_]
        assert who.get(secret).audience == ("ana", "ben")
        assert [f.value for f in who.timeline("ana")] == ["4417"]
    assert carla.recall("What is ana's locker code?").ids == (open_,)
    assert [m.id for m in carla.memories()] == [open_]
    assert carla.timeline("ana") == []
    with pytest.raises(MemoryNotFoundError, match=f"no memory '{secret}'"):
        carla.get(secret)
    assert space.recall("locker code").ids[0] == secret


def test_what_is_hidden_is_no_candidate(space):
    """Much that is hidden and would rank first changes nothing in what a seat recalls."""
    seat = Seat(space, "carla")
    said = ["The budget is forty thousand.", "The picnic is on Friday.", "Bring a cake to the picnic."]
    space.remember([Draft(text, position=n) for n, text in enumerate(said)])
    before = seat.recall("What about the picnic?")
    space.remember([Draft(f"The picnic costs {n}.", thread="b", audience=("ana",)) for n in range(5)])
    after = seat.recall("What about the picnic?")
    assert after.ids == before.ids
    assert space.recall("What does the picnic cost?", k=5).ids[0] not in before.ids


def test_a_newer_value_that_is_hidden_does_not_show_through(space):
    """Who may not see the new value sees the old one, and nothing of its being superseded."""
    ana, carla = Seat(space, "ana"), Seat(space, "carla")
    (old,) = ana.remember("My locker code is 1111.")
    ana.remember("My locker code is 2222.", audience=("ben",))
    found = carla.recall("What is ana's locker code?", k=1)[0]
    assert (found.id, found.fact.value, found.fact.superseded_by) == (old, "1111", None)
    (told,) = carla.timeline("ana")
    assert (told.value, told.valid_to, told.superseded_by) == ("1111", None, None)


def test_what_is_derived_is_for_those_who_may_see_all_parents(space):
    """The audience of a derived memory is the intersection of its parents'; of none in common, nobody's."""
    (a,) = space.remember("The budget is 40.", audience=("ana", "ben"))
    (b,) = space.remember("The sponsor is Orion.", audience=("ben", "carla"))
    (c,) = space.remember("The salary is 9.", audience=("ana",))
    (open_,) = space.remember("The office opens at nine.")
    derived = space.remember(
        [
            Draft("budget and sponsor", kind="summary", parents=(a, b)),
            Draft("budget and hours", kind="summary", parents=(a, open_)),
            Draft("sponsor and salary", kind="summary", parents=(b, c)),
            Draft("hours for ana", kind="summary", parents=(open_,), audience=("ana",)),
        ]
    )
    assert [space.get(i).audience for i in derived] == [("ben",), ("ana", "ben"), ("",), ("ana",)]
    for who, sees in {"ana": 5, "ben": 5, "carla": 2}.items():
        assert len(list(Seat(space, who).memories())) == sees
    (of_derived,) = space.remember(Draft("of both", kind="note", parents=(derived[0], derived[1])))
    assert space.get(of_derived).audience == ("ben",)


def test_an_audience_can_be_changed_and_takes_what_is_derived_along(space):
    """Narrowing a source narrows what follows from it, at once, also in indexes that were open; so does widening."""
    (source,) = space.remember("The sponsor is Orion.")
    (summary,) = space.remember(Draft("Orion sponsors.", kind="summary", parents=(source,)))
    carla = Seat(space, "carla")
    assert set(carla.recall("Orion sponsor").ids) == {source, summary}
    Seat(space, "ana").share(source, ["ben"])
    assert carla.recall("Orion sponsor").ids == ()
    assert space.get(summary).audience == ("ana", "ben")
    sharing.set_audience(space, [source], ())
    assert space.get(summary).audience == ()
    assert set(carla.recall("Orion sponsor").ids) == {source, summary}
    with pytest.raises(MemoryNotFoundError):
        Seat(space, "dora").share("01ARZ3NDEKTSV4RRFFQ69G5FAV", ["ana"])


def test_what_loses_a_restricted_parent_is_as_wide_as_if_it_never_had_it(space):
    """An audience follows from the parents that stay and what was given itself; undoing brings the old one back."""
    (secret,) = space.remember("The sponsor is Orion.", audience=("ben",))
    (open_,) = space.remember("The office opens at nine.", speaker="Ana")
    told = "The sponsor is Orion. The office opens at nine."
    (free, own) = space.remember(
        [
            Draft(told, kind="summary", parents=(secret, open_)),
            Draft(told, kind="summary", parents=(secret, open_), audience=("ana", "ben")),
        ]
    )
    (below,) = space.remember(Draft("The office opens at nine.", kind="note", parents=(free,)))
    seen = {i: space.get(i).audience for i in (free, own, below)}
    assert set(seen.values()) == {("ben",)}
    space.forget([secret], undo_for=timedelta(hours=1))
    assert [space.get(i).audience for i in (free, own, below)] == [(), ("ana", "ben"), ()]
    space.forgetting.undo()
    assert {i: space.get(i).audience for i in (free, own, below)} == seen
    assert Seat(space, "carla").recall("When does the office open?").ids == (open_,)
    space.forget([secret])
    assert [space.get(i).audience for i in (free, own, below)] == [(), ("ana", "ben"), ()]
    assert {free, below} < set(Seat(space, "carla").recall("When does the office open?").ids)
    with proof.rebuilt(space) as other:
        assert proof.compare(space, other, graph=False).different == {}


def test_what_was_given_an_audience_keeps_it_when_its_source_is_for_everyone_again(space):
    """Widening a source does not widen what was derived from it for few."""
    (source,) = space.remember("The sponsor is Orion.", audience=("ana", "ben"))
    (summary,) = space.remember(Draft("Orion sponsors.", kind="summary", parents=(source,), audience=("ana",)))
    sharing.set_audience(space, [source], ())
    assert space.get(summary).audience == ("ana",)
    sharing.set_audience(space, [source], ("ben",))
    assert space.get(summary).audience == ("",)


def test_a_summary_that_outlives_what_faded_is_not_seen_by_more(space):
    """What stands for restricted memories stays for those who could see them, also once another source is forgotten."""
    (secret,) = space.remember("The sponsor is Orion.", audience=("ben",))
    (other,) = space.remember("The budget is forty.", audience=("ben", "ana"))
    (open_,) = space.remember("The office opens at nine.")
    (summary,) = space.remember(
        Draft("The office opens at nine. Orion sponsors.", kind="summary", parents=(secret, other, open_))
    )
    ledger = space._ledger
    with ledger.connection.transaction():
        replacing.note(ledger, space.get(summary).seq, [secret])
        replacing.outlive(ledger, [space.get(secret).seq])
    assert secret not in space.get(summary).parents
    space.forget([other])
    assert space.get(summary).audience == ("ben",)


def test_reads_and_writes_are_attributed(space):
    """Who wrote and who read how many memories how often; erasing a memory takes what was noted of it along."""
    ana, ben = Seat(space, "ana"), Seat(space, "ben")
    (one,) = ana.remember("The office opens at nine.")
    ana.remember("The picnic is on Friday.", audience=("ben",))
    ben.recall("When does the office open?", k=2)
    ben.get(one)
    found = sharing.access(space)
    assert found.done == (("ana", "write", 2, 2), ("ben", "read", 2, 3))
    assert found.everyone == 1
    assert found.audiences == ((("ana", "ben"), 1),)
    assert found.principals == ("ana", "ben")
    assert [found.seen_by(who) for who in ("ana", "ben", "carla")] == [2, 2, 1]
    space.erase(one)
    assert sharing.access(space).done == (("ana", "write", 1, 1), ("ben", "read", 1, 1))


def test_nobody_can_look_as_somebody_else(space):
    """A filter with another viewer is refused; so is a seat without a name."""
    with pytest.raises(InputError, match="'carla' cannot look as 'ana'"):
        Seat(space, "carla").recall("anything", filter=Filter(viewer="ana"))
    with pytest.raises(InputError, match="needs a name"):
        Seat(space, " ")


def test_access_on_the_command_line(space, tmp_path):
    """Who may see what, as a table and as JSON; audiences are set by id."""
    (one,) = Seat(space, "ana").remember("The office opens at nine.")

    def run(*words, code=0):
        done = CliRunner().invoke(app, ["access", "office", "--root", str(tmp_path), *words])
        assert done.exit_code == code, done.output
        return done.output

    assert "1 memory for everyone." in run()
    run("--id", one, "--only", "ana", "--only", "ben")
    assert json.loads(run("--json"))["audiences"] == [{"principals": ["ana", "ben"], "memories": 1}]
    assert "ana, ben" in run()
    run("--id", one, "--everyone")
    assert json.loads(run("--json"))["everyone"] == 1
    assert "say who" in run("--id", one, code=2)
    assert "say of which" in run("--only", "ana", code=2)
