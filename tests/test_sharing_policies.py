"""Policies said in a dialogue: who may see what is read from it, and kept to where they are applied."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from agentmem import Draft, sharing
from agentmem.cli import app
from agentmem.ledger.audiences import NOBODY
from agentmem.sharing import Seat
from agentmem.sharing_policies import EVERYONE, Person, Policies, apply

PEOPLE = (
    Person("ana", "Ana Reyes", "manager"),
    Person("bo", "Bo Lind", "engineer"),
    Person("cy", "Cy Webb", "contractor"),
    Person("di", "Di Okafor", "student"),
    Person("ed", "Ed Moss", "student"),
)
ALL = tuple(person.id for person in PEOPLE)
NAMES = {person.id: person.name for person in PEOPLE}


def said(space, *turns):
    """Remember turns "who: text", and return the policies and the memories."""
    drafts = []
    for turn in turns:
        who, text = turn.split(": ", 1)
        drafts.append(Draft(text, speaker=NAMES[who], metadata={"principal": who}))
    space.remember(drafts, guarded=False)
    memories = list(space.memories())
    return Policies(memories, PEOPLE), memories


def sees(space, *turns):
    """Return who may see the last of some turns."""
    policies, memories = said(space, *turns)
    return policies.verdict(memories[-1]).audience or ALL


@pytest.mark.parametrize(
    ("text", "audience"),
    [
        ("Only Bo and Cy may see this: the roof leaks.", ("ana", "bo", "cy")),
        ("The roof leaks. Don't tell the students.", ("ana", "bo", "cy")),
        ("Do not share the plan with Cy Webb or Di.", ("ana", "bo", "ed")),
        ("Keep this from Cy: we are late.", ("ana", "bo", "di", "ed")),
        ("This is visible to engineers only.", ("ana", "bo")),
        ("The plan is not meant for contractors.", ("ana", "bo", "di", "ed")),
        ("Cy must not know that we are late.", ("ana", "bo", "di", "ed")),
        ("Don\u2019t mention the delay to any students, please.", ("ana", "bo", "cy")),
        ("This is for Bo's eyes only.", ("ana", "bo")),
        ("Only the engineers may know this. Cy may know it as well.", ("ana", "bo", "cy")),
        ("This is private to me.", ("ana",)),
        ("Please let only Bo know.", ("ana", "bo")),
        ("Don't let Cy know.", ("ana", "bo", "di", "ed")),
        ("I'd rather Cy didn't know about this.", ("ana", "bo", "di", "ed")),
        ("Not a word of this to Cy.", ("ana", "bo", "di", "ed")),
        ("Cy isn't allowed to know this.", ("ana", "bo", "di", "ed")),
        ("Make sure that Cy never hears about it.", ("ana", "bo", "di", "ed")),
        ("This is confidential to engineers.", ("ana", "bo")),
        ("Share this with Bo and Cy only.", ("ana", "bo", "cy")),
        ("Hide this from everyone but Bo.", ("ana", "bo")),
        ("No one except Bo may know.", ("ana", "bo")),
        ("Don't tell anybody but Bo.", ("ana", "bo")),
        ("Please keep it to yourself.", ("ana",)),
        ("Tell nobody.", ("ana",)),
    ],
)
def test_whom_a_sentence_names(space, text, audience):
    """People are named by id, name, first name or role, one or many; whoever says it may always see it."""
    assert sees(space, f"ana: {text}") == audience


@pytest.mark.parametrize(
    "text",
    [
        "I told everyone about the roof.",
        "I told Bo and nobody else laughed.",
        "Don't keep this from Cy.",
        "There is no need to hide it from the students.",
        "Not only Bo may see this.",
        "It is no longer restricted to engineers.",
        "This isn't just between us.",
        "Should we keep this from Cy?",
        "Why must only Bo know?",
        "Did you say that it is just between us?",
        "If only Bo may know, I cannot ask.",
        "Only Zed may see this.",
        "Don't tell me that the roof leaks.",
        "Don't forget to tell Cy.",
        "Everyone may know that the roof leaks.",
        "Nobody but Bo laughed.",
        "Only Bo came to see the house.",
        "Not a word was said to Cy, sadly.",
        "I never hear from Cy.",
        "Make sure that Cy gets a chair.",
        "I don't think you should hide this from Bo.",
        "The private beach was only for me to look at from afar, they said.",
    ],
)
def test_what_lays_down_no_rule(space, text):
    """Reports, negations, questions and people who are not there leave a memory to everyone."""
    policies, memories = said(space, f"ana: {text}")
    if "only for me" in text:
        assert policies.verdict(memories[0]).audience == ("ana",)  # read to the letter, and to the safe side
    else:
        assert policies.verdict(memories[0]) == EVERYONE


def test_without_policies_everybody_sees_everything(space):
    """Where nobody draws a boundary, codes and sums are nobody's secret, and nothing is written."""
    policies, memories = said(
        space, "ana: The code is K-4471-X.", "bo: It costs 5,400 EUR.", "cy: Is the exact time known?"
    )
    assert {policies.verdict(m) for m in memories} == {EVERYONE}
    assert policies.governed is False
    before = space._ledger.connection.one("SELECT count(*) FROM changes")
    apply(space, PEOPLE)
    assert space._ledger.connection.one("SELECT count(*) FROM changes") == before
    assert sharing.access(space).audiences == ()


def test_a_sentence_that_points_back(space):
    """It holds for what its speaker said before, not for what others said in between, and not in other threads."""
    policies, memories = said(space, "ana: The roof leaks.", "bo: Oh dear.", "ana: Don't share that with Cy.")
    assert [policies.verdict(m).audience for m in memories] == [
        ("ana", "bo", "di", "ed"), (), ("ana", "bo", "di", "ed"),
    ]  # fmt: skip
    (other,) = space.remember(
        Draft("Keep this between us.", thread="other", speaker="Ana Reyes", metadata={"principal": "ana", "to": "ed"})
    )
    policies = Policies(space.memories(), PEOPLE)
    assert policies.verdict(space.get(other)).audience == ("ana", "ed")


def test_between_us(space):
    """It is for the two who talk, who was spoken to being whoever spoke last; with nobody, for the speaker alone."""
    assert sees(space, "ana: This stays between us.") == ("ana",)
    assert sees(space, "cy: Hello.", "bo: What is up?", "ana: Just between us: the roof leaks.") == ("ana", "bo")


def test_what_is_said_later_counts(space):
    """A permission lifts a ban and a ban a permission; what is opened to everyone is for everyone again."""
    policies, memories = said(space, "ana: The roof leaks.", "ana: Don't tell Cy about it.")
    assert policies.verdict(memories[1]).audience == ("ana", "bo", "di", "ed")
    policies, memories = said(space, "ana: Cy may know it.")
    assert policies.verdict(memories[1]) == EVERYONE
    policies, memories = said(
        space, "bo: The boiler is old.", "bo: Only Ana may know that.", "bo: Everyone may know it."
    )
    assert policies.verdict(memories[-2]) == EVERYONE
    assert policies.verdict(memories[-3]).audience == ("ana", "bo")


GOVERNED = (
    "ana: Private note: the site is Dock Hall 112 and the budget is 5,400 EUR.",
    "bo: Confidential: the access code is DX-9020-ZZ now.",
    "ana: The public opening is on May 12. The exact budget stays restricted.",
    "cy: My role is lighting only, I should not see the budget.",
    "di: Thank you for the lovely lanterns!",
)


def test_what_is_private_is_for_those_who_have_told_it(space):
    """Values called private are for the circle of those who tell such things; what is public is for everyone."""
    policies, memories = said(
        space, *GOVERNED, "di: Did somebody say 5,400 EUR?", "ed: The public opening is on May 12, bring a cake."
    )
    assert policies.governed is True
    assert policies.circle == ("ana", "bo")
    private = [policies.verdict(m).audience for m in memories]
    assert private[:2] == [("ana", "bo")] * 2
    assert private[4] == private[6] == ()
    assert private[5] == ("ana", "bo")
    assert policies.verdict(memories[5]).why == "gives a private value"
    assert policies.standing["bo"].why == "has told 1 private things"
    assert policies.standing["di"].inside is False


def test_who_repeats_what_was_said_is_not_one_of_those_who_know(space):
    """An echo counts a tenth: one who only says again what was said before, and one thing public, stays outside."""
    policies, _ = said(
        space, *GOVERNED, *["ed: The budget is 5,400 EUR, they said."] * 2, "ed: The public hall is Room 12."
    )
    assert (policies.standing["ed"].told, policies.standing["ed"].public) == (pytest.approx(0.2), 1)
    assert policies.circle == ("ana", "bo")
    assert "ed" in said(space, "ed: The new budget is 7,300 EUR.", "ed: The vault is in Dock Hall 9.")[0].circle


def test_whose_the_private_things_are_sees_them(space):
    """Di has told nothing, and it is her case; where several have private things, each sees what names him or her."""
    policies, memories = said(
        space,
        "ana: Di's private appeal is approved at 5,400 EUR.",
        "bo: The code for Di Okafor's confidential appeal is 4471-QQ.",
        "ana: Di’s private appeal moves to Room 12.",
        "ana: The current amount stays at 5,400 EUR.",
    )
    assert policies.owners == ("di",)
    assert policies.standing["di"].inside is False
    assert [policies.verdict(m).audience for m in memories] == [("ana", "bo", "di")] * 4
    policies, memories = said(space, *["bo: Ed's private request is about desk 9."] * 3)
    assert policies.owners == ("di", "ed")
    assert policies.verdict(memories[0]).audience == ("ana", "bo", "di")
    assert policies.verdict(memories[3]).audience == ("ana", "bo")
    assert policies.verdict(memories[-1]).audience == ("ana", "bo", "ed")


def test_where_nobody_has_told_anything_private_it_is_for_nobody(space):
    """Talk of secrets without one told leaves no circle: what speaks of them is for whoever runs the space."""
    policies, memories = said(space, *[f"cy: I should not see the confidential file {n}." for n in "abc"])
    assert policies.circle == ()
    assert policies.verdict(memories[0]).audience == (NOBODY,)


def test_seldom_private_is_not_governed(space):
    """Three mentions of a secret in a long conversation make nobody's values private."""
    talk = [f"bo: We walked {n} miles and saw a heron." for n in range(200)]
    policies, memories = said(space, "ana: The code is K-4471-X.", *["ana: It is a secret recipe."] * 3, *talk)
    assert policies.governed is False
    assert policies.verdict(memories[0]) == EVERYONE


def test_applied_policies_are_kept_to(space):
    """A seat recalls what its principal may see; derived memories are as narrow; more that is said is read anew."""
    policies, memories = said(space, *GOVERNED)
    (summary,) = space.remember(Draft("There is a budget.", kind="summary", parents=(memories[0].id,)))
    assert apply(space, PEOPLE).circle == policies.circle
    assert "5,400" in " ".join(e.memory.text for e in Seat(space, "bo").recall("What is the budget?"))
    for who in ("cy", "di", "stranger"):
        assert "5,400" not in " ".join(e.memory.text for e in Seat(space, who).recall("What is the budget?"))
    assert space.get(summary).audience == ("ana", "bo")
    said(space, "ana: The lanterns cost nothing. Don't tell Cy.")
    apply(space, PEOPLE)
    assert Seat(space, "cy").recall("lanterns cost nothing", k=1).ids != (list(space.memories())[-1].id,)


def test_what_was_given_on_purpose_is_left_as_it_is(space):
    """Neither an audience given when it was remembered nor one given afterwards is read over, however often."""
    _, memories = said(space, *GOVERNED)
    (own,) = Seat(space, "ed").remember("My locker is by the door.", audience=("cy",))
    apply(space, PEOPLE)
    assert space.get(own).audience == ("cy", "ed")
    sharing.set_audience(space, [memories[0].id], ("di",))
    for _ in range(2):
        apply(space, PEOPLE)
        assert space.get(memories[0].id).audience == ("di",)
        assert space.get(memories[1].id).audience == ("ana", "bo")


def test_a_policy_that_was_forgotten_holds_no_longer(space):
    """With the sentence that drew a boundary erased, what it was about is for everyone again."""
    _, memories = said(space, "ana: The roof leaks.", "ana: Don't share that with Cy.")
    apply(space, PEOPLE)
    assert space.get(memories[0].id).audience == ("ana", "bo", "di", "ed")
    space.erase(memories[1].id)
    apply(space, PEOPLE)
    assert space.get(memories[0].id).audience == ()


def test_long_and_odd_texts_take_no_longer_than_their_length(space):
    """Runs that a careless pattern tries anew at each place are read in one go; no text is refused."""
    odd = ("a-" * 8_000, "Aa " * 6_000, "1 " * 8_000, "x" * 16_000 + "@", "I can but " * 1_600, "only " * 3_200)
    memories = []
    for text in odd:
        (id_,) = space.remember(Draft(text, speaker="Ana Reyes"))
        memories.append(space.get(id_))
    policies = Policies(memories)
    assert {policies.verdict(m) for m in memories} == {EVERYONE}


def test_an_empty_space_has_no_policies(space):
    """There is nothing to read and nobody to be kept out."""
    policies = apply(space)
    assert (policies.governed, policies.circle, dict(policies.people)) == (False, (), {})


def test_people_who_share_a_name_are_not_told_apart_by_it(space):
    """A first name of two people names neither; their roles and full names do."""
    twins = (Person("s1", "Sam Hill", "guard"), Person("s2", "Sam Lake", "cook"))
    policies = Policies(space.memories(), twins)
    assert policies.named("Sam") == set()
    assert policies.named("Sam Hill and the cooks") == {"s1", "s2"}
    assert policies.named("the guards") == {"s1"}


def test_on_the_command_line(space, tmp_path, system):
    """`agentmem access SPACE --policies` reads them and says why, as a table and as JSON."""
    said(space, *GOVERNED, "ed: Just between us: the cake is bad.")
    root = str(tmp_path / "root")
    done = CliRunner().invoke(app, ["access", "alice", "--root", root, "--policies", "--json"])
    assert done.exit_code == 0, done.output
    read = json.loads(done.output)["policies"]
    assert {"why": "speaks of something private", "principals": ["ana", "bo"], "memories": 3} in read
    assert {"why": "said to be for these alone", "principals": ["di", "ed"], "memories": 1} in read
    shown = CliRunner().invoke(app, ["access", "alice", "--root", root, "--policies"])
    assert "speaks of something private" in shown.output
    assert "nobody has said that it is private" in shown.output
    assert "read from" not in CliRunner().invoke(app, ["access", "alice", "--root", root]).output
