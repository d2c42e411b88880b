"""People who tell facts about themselves, and new ones in later sessions, among talk of other things.

Everything is made up from a seed: who lives, works, trains where, what they say of it and when. Sentences and questions
were written in one go, from no rule that reads them, before anything was measured on them: never fit a rule to these.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple

from agentmem.evaluation.cases import Ask, Case, Gold, Remember, Step, Wait
from agentmem.types import Draft

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
NAMES = ("Ines", "Tomas", "Mbali", "Olek", "Priya", "Jonas", "Aiko", "Farid", "Lucia", "Henrik", "Nadia", "Samuel")
SESSIONS, APART = 12, timedelta(days=21)
PEOPLE = 3
UPDATES = (1, 2, 4)
"""How often a fact changes after it was first told; of each attribute, one person each."""
TALK = 10
"""Lines a session that are about other things."""
BEGAN = datetime(2025, 1, 6, 18, tzinfo=UTC)


class Attribute(NamedTuple):
    """Something that holds one value at a time: how it is told, changed, and asked for, now and of a day."""

    values: tuple[str, ...]
    told: tuple[str, ...]
    changed: tuple[str, ...]
    now: tuple[str, ...]
    then: tuple[str, ...]
    beside: tuple[str, ...]


ATTRIBUTES = {
    "home": Attribute(
        (
            "Ghent", "Porto", "Tartu", "Bologna", "Graz", "Utrecht", "Malmo", "Brno", "Nantes", "Cork", "Leipzig",
            "Split", "Bergen", "Vilnius", "Granada", "Aarhus",
        ),
        ("I live in {v}, a bit outside the centre.", "We have a small flat in {v}, that is where I come home to."),
        (
            "The moving boxes are all unpacked: I live in {v} now.",
            "I left {o} for good, home is {v} from now on.",
            "Guess what, we found a house in {v} and already sleep there.",
        ),
        ("Where does {n} live now?", "Which city is {n} living in at the moment?"),
        ("Where did {n} live on {d}?", "Which city was {n} living in on {d}?"),
        ("My aunt spent her holidays in {v}.", "The documentary about {v} was better than I thought."),
    ),
    "job": Attribute(
        (
            "beekeeper", "translator", "welder", "carpenter", "florist", "surveyor", "locksmith", "tram driver",
            "radiographer", "tailor", "dietician", "stage manager", "glazier", "cartographer", "midwife", "brewer",
        ),
        ("I earn my living as a {v}.", "At work I am a {v}, since before we met."),
        (
            "First week done in the new job! I am a {v} now.",
            "I quit being a {o} and work as a {v} these days.",
            "They took me: from Monday I have been working as a {v}.",
        ),
        ("What does {n} do for a living these days?", "What is {n}'s job now?"),
        ("What was {n}'s job on {d}?", "What did {n} do for a living on {d}?"),
        ("The neighbour's son wants to become a {v}.", "A {v} came by to look at the roof of my parents."),
    ),
    "car": Attribute(
        (
            "Skoda Fabia", "Volvo estate", "Fiat Panda", "Mazda roadster", "Peugeot van", "Saab coupe", "Dacia Duster",
            "Honda Jazz", "Opel Corsa", "Renault Kangoo", "Seat Ibiza", "Subaru Forester", "Suzuki Swift",
            "Toyota Yaris", "Citroen Ami", "Lancia Delta",
        ),
        ("I drive a {v}, nothing fancy.", "There is a {v} in our garage, that is mine."),
        (
            "I traded the {o} in and drive a {v} now.",
            "The keys of my new {v} arrived today!",
            "After the old one broke down I got myself a {v}.",
        ),
        ("Which car does {n} drive now?", "What is {n} driving at present?"),
        ("Which car did {n} drive on {d}?", "What was {n} driving on {d}?"),
        ("A {v} was parked across our gate again.", "My brother-in-law raves about some {v}."),
    ),
    "sport": Attribute(
        (
            "fencing", "bouldering", "rowing", "badminton", "archery", "curling", "judo", "water polo", "squash",
            "handball", "trampolining", "orienteering", "kayaking", "table tennis", "figure skating", "lacrosse",
        ),
        ("Twice a week I do {v}, it clears my head.", "My sport is {v}, has been for years."),
        (
            "My knees said no more {o}, so I have taken up {v} instead.",
            "I changed clubs and do {v} now.",
            "New season, new sport: it is {v} for me.",
        ),
        ("Which sport does {n} do now?", "What sport is {n} into currently?"),
        ("Which sport did {n} do on {d}?", "What sport was {n} into on {d}?"),
        ("They showed the finals in {v} at the pub.", "My niece asked whether {v} is dangerous."),
    ),
    "instrument": Attribute(
        (
            "oboe", "accordion", "cello", "mandolin", "harp", "clarinet", "trombone", "ukulele", "bassoon", "viola",
            "banjo", "marimba", "tin whistle", "French horn", "dulcimer", "double bass",
        ),
        ("I am taking {v} lessons on Thursdays.", "In the evenings I practise the {v}."),
        (
            "I sold the {o} and am learning the {v} now.",
            "My lessons are on the {v} from this month on.",
            "It turned out I am more of a {v} person, so I switched to that.",
        ),
        ("Which instrument is {n} learning now?", "What does {n} practise these days?"),
        ("Which instrument was {n} learning on {d}?", "What did {n} practise on {d}?"),
        ("Somebody played the {v} in the subway, beautifully.", "There is an old {v} in grandfather's attic."),
    ),
    "dentist": Attribute(
        (
            "Dr. Albrecht", "Dr. Botha", "Dr. Castellano", "Dr. Dubois", "Dr. Eriksen", "Dr. Farkas", "Dr. Galvez",
            "Dr. Horvat", "Dr. Ivanova", "Dr. Jansson", "Dr. Keller", "Dr. Lindqvist", "Dr. Moreau", "Dr. Novotny",
            "Dr. Okafor", "Dr. Petrenko",
        ),
        ("My dentist is {v}, very gentle.", "For my teeth I go to {v}."),
        (
            "{o} retired, so {v} looks after my teeth now.",
            "I have a new dentist, {v}, and am quite happy.",
            "From now on I see {v} for my teeth.",
        ),
        ("Who is {n}'s dentist now?", "Which dentist does {n} go to at the moment?"),
        ("Who was {n}'s dentist on {d}?", "Which dentist did {n} go to on {d}?"),
        ("My mother's surgeon is called {v}.", "The lecture by {v} on sleep was sold out."),
    ),
}  # fmt: skip
SMALL_TALK = (
    "The rain has not stopped since Tuesday.", "I overslept and missed the first train.",
    "We had lentil soup again, nobody complained.", "Did you see how early it gets dark?",
    "The washing machine makes that noise again.", "I finally finished the long novel, it was worth it.",
    "There was a power cut in the whole street.", "My cousin's wedding went on until four.",
    "The bakery on the corner has new opening hours.", "I lost an earring and found it in the bread tin.",
    "What a week, I need a nap.", "The cat next door sits on our roof every morning.",
    "We are thinking of painting the kitchen yellow.", "The exam went better than I feared.",
    "I burnt the rice while talking on the phone.", "Our team meeting was moved, nobody knows why.",
    "The tomatoes on the balcony are turning red.", "I have a cold, so I stay in tonight.",
    "They are digging up the road in front of the library.", "My phone battery is empty by noon.",
    "Thank you for the postcard, it made my day!", "I could not remember the name of that film.",
    "The museum is free on the first Sunday.", "We played cards until midnight and I won twice.",
)  # fmt: skip


class Held(NamedTuple):
    """A value of a fact and the session in which it was said."""

    value: str
    session: int


def case(number: int, seed: int) -> Case:
    """Return the script of world `number`: twelve sessions three weeks apart and, a week later, all questions."""
    draw = random.Random(f"{seed}/{number}")
    people = draw.sample(NAMES, PEOPLE)
    said: list[list[Draft]] = [[] for _ in range(SESSIONS)]
    asks = []
    for name, attribute in ATTRIBUTES.items():
        values = iter(draw.sample(attribute.values, len(attribute.values)))
        for person, updates in zip(people, draw.sample(UPDATES, PEOPLE), strict=True):
            sessions = sorted(draw.sample(range(SESSIONS), updates + 1))
            history = [Held(next(values), session) for session in sessions]
            for place, draft in enumerate(_told(person, name, attribute, history, draw)):
                said[sessions[place]].append(draft)
            asks += list(_asks(person, name, attribute, history, draw, number))
        for value in values:
            said[draw.randrange(SESSIONS)].append(_beside(attribute, value, people, draw))
    steps: list[Step] = []
    for session, facts in enumerate(said):
        talk = [Draft(text, speaker=draw.choice(people)) for text in draw.sample(SMALL_TALK, TALK)]
        lines = draw.sample([*facts, *talk], len(facts) + len(talk))
        steps += [Remember(tuple(_placed(lines, session))), Wait(APART)]
    steps[-1] = Wait(timedelta(days=7))
    return Case(f"world-{number}", _moment(0), (*steps, *asks))


def _told(person: str, name: str, attribute: Attribute, history: list[Held], draw: random.Random) -> Iterator[Draft]:
    old = ""
    for place, held in enumerate(history):
        words = draw.choice(attribute.changed if place else attribute.told)
        yield Draft(words.format(v=held.value, o=old), speaker=person, origin=f"{person}/{name}/{place}")
        old = held.value


def _asks(
    person: str, name: str, attribute: Attribute, history: list[Held], draw: random.Random, number: int
) -> Iterator[Ask]:
    labels = {"updates": str(len(history) - 1), "attribute": name}
    fact = f"{person}/{name}"
    last = len(history) - 1
    others = "\n".join(held.value for held in history[:last])
    gold = Gold(
        f"{number}/{fact}/now",
        history[last].value,
        (f"{fact}/{last}",),
        {**labels, "asks": "current", "others": others},
    )
    yield Ask(draw.choice(attribute.now).format(n=person), gold)
    place = draw.randrange(last)
    day = _between(history[place].session, history[place + 1].session, draw)
    date = f"{day.day} {MONTHS[day.month - 1]} {day.year}"
    others = "\n".join(held.value for held in history if held is not history[place])
    gold = Gold(
        f"{number}/{fact}/then",
        history[place].value,
        (f"{fact}/{place}",),
        {**labels, "asks": "as of", "others": others},
    )
    yield Ask(draw.choice(attribute.then).format(n=person, d=date), gold)


def _between(first: int, second: int, draw: random.Random) -> datetime:
    """Return a day after one session and before another."""
    days = (_moment(second) - _moment(first)).days
    return _moment(first) + timedelta(days=draw.randrange(1, days))


def _beside(attribute: Attribute, value: str, people: list[str], draw: random.Random) -> Draft:
    return Draft(draw.choice(attribute.beside).format(v=value), speaker=draw.choice(people))


def _placed(lines: list[Draft], session: int) -> Iterator[Draft]:
    for place, line in zip(count(), lines, strict=False):
        yield Draft(
            line.text,
            speaker=line.speaker,
            thread=f"session_{session + 1}",
            said_at=_moment(session) + timedelta(minutes=place),
            position=place,
            origin=line.origin or f"talk/{session}/{place}",
        )


def _moment(session: int) -> datetime:
    return BEGAN + session * APART
