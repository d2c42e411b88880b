"""What each person likes and dislikes, and when that changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentmem import registry
from agentmem.errors import InputError
from agentmem.testing.fakes import derive_all, make_talk
from agentmem_stores.derive._liking import likings
from agentmem_stores.derive._tastes import taste

DAYS = [datetime(2025, 3, 3, tzinfo=UTC) + timedelta(days=n) for n in range(12)]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("I really love green tea, but I hate coffee.", [("green tea", 1.0), ("coffee", -1.0)]),
        ("I don't like the smell of fish at all.", [("smell of fish at all", -0.6)]),
        ("I can't stand loud music these days.", [("loud music", -1.0)]),
        ("Tea bores me.", [("tea", -0.6)]),
        ("My favourite drink is cocoa.", [("cocoa", 1.0)]),
        ("I prefer trains to planes.", [("trains", 0.8)]),
        ("We enjoy hiking in the Alps because it calms us.", [("hiking in the Alps", 0.6)]),
        ("I'm a big fan of chess.", [("chess", 0.8)]),
        ("I used to love skiing.", [("skiing", -0.4)]),
        ("Do I like it? I like it!", []),
        ("She loves tea. I love how you said that.", []),
        ("I love that it was there. I like my own studio. I don't want to go.", []),
        ("I love his tech and, well, the rest.", []),
        ("", []),
    ],
)
def test_what_is_read_of_a_text(text, read):
    """A thing and how it is liked; questions, pronouns and what others like say nothing of the speaker."""
    assert [
        (liking.topic.lower() if liking.topic == "Tea" else liking.topic, liking.lean) for liking in likings(text)
    ] == read


def test_the_window_and_the_average_are_those_of_the_paper():
    """SW is the mean of the last three, EMA = .7 EMA + .3 x, and what is derived is .6 SW + .4 EMA."""
    leans = [1.0, 0.6, 0.6, 1.0]
    average = 0.7 * (0.7 * (0.7 * 1.0 + 0.3 * 0.6) + 0.3 * 0.6) + 0.3 * 1.0
    made = taste(leans, [False] * 4, DAYS[:4])
    assert made.lean == pytest.approx(0.6 * (0.6 + 0.6 + 1.0) / 3 + 0.4 * average)
    assert (made.before, made.until) == (0.0, None)


def test_a_taste_changes_by_words_at_once_and_without_words_by_a_window():
    """One saying with "now" is a change; without such words three in a row are, and one or two are not."""
    by_words = taste([1.0, -1.0], [False, True], DAYS[:2])
    assert (by_words.lean, by_words.before, by_words.until) == (-1.0, 1.0, DAYS[1])
    for against in (1, 2):
        assert taste([1.0, 1.0, 1.0] + [-1.0] * against, [False] * (3 + against), DAYS[: 3 + against]).until is None
    turned = taste([1.0, 1.0, 1.0, -1.0, -1.0, -1.0], [False] * 6, DAYS[:6])
    assert (turned.lean, turned.before, turned.until) == (-1.0, 1.0, DAYS[3])


def test_preferences_of_two_people():
    """Each has his or her own; who said it last is told, with what was before and all who say so as parents."""
    talk = make_talk(
        "Ben: I really love green tea, but I hate coffee.",
        "Ana: I like coffee.",
        "Ben: Nothing new here.",
        "Ben: I prefer coffee now, to be honest.",
    )
    assert derive_all(registry.make_deriver("preference", {}), talk) == {
        "Ben loves green tea": ["I really love green tea, but I hate coffee."],
        "Ben prefers coffee now (hated it until 6 March 2025)": [
            "I really love green tea, but I hate coffee.",
            "I prefer coffee now, to be honest.",
        ],
        "Ana likes coffee": ["I like coffee."],
    }


def test_what_takes_the_place_of_another_is_told_with_it():
    """Of two things that were set against each other, and of two favourites of one sort."""
    talk = make_talk(
        "Ben: I prefer coffee to tea.",
        "Ben: My favourite colour is green.",
        "Ben: I prefer tea now.",
        "Ben: My favourite colour is blue.",
        "Ben: My favourite band is Moss.",
    )
    assert derive_all(registry.make_deriver("preference", {}), talk) == {
        "Ben prefers coffee to tea": ["I prefer coffee to tea."],
        "Ben's favourite colour is green": ["My favourite colour is green."],
        "Ben prefers tea now (coffee until 5 March 2025)": ["I prefer coffee to tea.", "I prefer tea now."],
        "Ben's favourite colour is blue now (green until 6 March 2025)": [
            "My favourite colour is green.",
            "My favourite colour is blue.",
        ],
        "Ben's favourite band is Moss": ["My favourite band is Moss."],
    }


def test_what_is_said_both_ways_is_no_preference():
    """Once loved and once hated, without a word of change, is not told either way."""
    assert (
        derive_all(registry.make_deriver("preference", {}), make_talk("Ben: I love jazz.", "Ben: I hate jazz.")) == {}
    )


def test_settings_are_refused():
    """There are none but those of a model."""
    with pytest.raises(InputError, match="the deriver preference knows no setting 'window'"):
        registry.make_deriver("preference", {"window": 2})
