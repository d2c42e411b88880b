"""Notes of what was spoken of: which turns are about one thing, what they are called, and what they are linked to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agentmem import registry
from agentmem.errors import InputError
from agentmem.testing.fakes import derive_all, make_talk
from agentmem_stores.derive.notes import Cluster, clusters, links

TALK = (
    "Ana: I adopted a grey cat called Miso last Friday.",
    "Ben: My sister Lena sails a small red boat in June.",
    "Ana: My grey cat called Miso broke a vase.",
    "Ben: Wow, cool, thanks!",
    "Ana: Miso, my grey cat, slept in the broken vase.",
    "Ben: My sister Lena painted her small red boat.",
)


@pytest.fixture
def notes():
    return registry.make_deriver("notes", {})


def test_turns_about_one_thing_are_one_note(notes):
    """Each note quotes its turns, names all of them as parents, and begins with the words that they share."""
    talk = make_talk(*TALK)
    made = derive_all(notes, talk)
    cat, boat = made
    assert made[cat] == [talk[n].text for n in (0, 2, 4)]
    assert made[boat] == [talk[n].text for n in (1, 5)]
    assert set(cat.partition(":")[0].split(", ")) >= {"grey", "cat", "miso"}
    assert boat.partition(": ")[2].startswith("Ben: My sister Lena")


def test_a_note_evolves_as_more_is_said(notes):
    """The same note is derived anew with the turn that joins; what is alone has none."""
    talk = make_talk(*TALK)
    (scope,) = notes.scopes(talk[0])
    members = [m for m in talk if notes.scopes(m)]
    assert [m.text for m in talk if not notes.scopes(m)] == ["Wow, cool, thanks!"]
    assert notes.derive(scope, members[:2]) == []
    (before,) = notes.derive(scope, members[:3])
    after = notes.derive(scope, members)[0]
    assert after.parents == (*before.parents, talk[4].id)
    assert (before.metadata["tags"], after.kind) == ("event, names", "note")


def test_links_name_the_notes_that_are_near():
    """By the id of the first turn of a note, the nearest first, whatever its place among the notes is; never itself."""
    turns = make_talk("A: one", "A: two", "A: three", "A: four")
    rows = ((0.0, 1.0), (0.6, 0.8), (1.0, 0.0), (0.8, 0.6))
    groups = [Cluster(m, np.array(row, np.float32), frozenset()) for m, row in zip(turns, rows, strict=True)]
    assert links(groups[0], groups) == [turns[1].id, turns[3].id]
    assert links(groups[2], groups) == [turns[3].id, turns[1].id]
    assert links(groups[3], groups[1:]) == [turns[1].id, turns[2].id]


def test_months_have_notes_of_their_own(notes):
    """A turn of another month joins nothing here."""
    talk = make_talk(*TALK, days=20)
    assert [notes.scopes(m) for m in talk[:3]] == [["2025-03"], ["2025-03"], ["2025-04"]]


def test_a_memory_without_its_vector_is_refused():
    """Rather than put anywhere."""
    (turn,) = make_talk(TALK[0])
    with pytest.raises(InputError, match="memories with their vectors"):
        clusters([replace(turn, vector=None)])


def test_settings_are_refused():
    """With the one that is not known."""
    with pytest.raises(InputError, match="the deriver notes knows no setting 'size'"):
        registry.make_deriver("notes", {"size": 2})
