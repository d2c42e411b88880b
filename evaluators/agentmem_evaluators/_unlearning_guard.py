"""Whether the guard recognises what was forgotten when it comes back in other words, and lets the rest in.

One session of a LoCoMo conversation after the other is forgotten, or several at a time. Its turns leave tombstones; the
observations that the data set's makers wrote about that session say the same in other words and should be recognised,
those about the other sessions, of the same two people, should not. How usual a word is, and the threshold, come from
the turns that are left: nothing of the observations is known to the guard. Beside it stand the same guard without added
mass and neighbours (plain containment weighted by idf), and a digest of the whole text, which knows only copies.

    python -m agentmem_evaluators._unlearning_guard locomo_dev.json [SESSIONS AT A TIME]
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agentmem.evaluation.statistics import bootstrap, separability
from agentmem.formats import locomo
from agentmem.types import Draft
from agentmem.unlearning.tombstones import ADDED, RATE, Frequencies, Graves, Hashes, Tombstone, of_text, threshold

KEY = b"a key for measuring: never a guard's"
RATES = (0.01, 0.05)

Scores = npt.NDArray[np.float64]


class Observation(NamedTuple):
    """A sentence about one session of a conversation, and whom it is about."""

    thread: str
    speaker: str
    text: str


class Session(NamedTuple):
    """What happened when one session was forgotten: scores of what should be recognised, and of what should not."""

    back: Scores
    other: Scores
    threshold: float
    bytes: float


def observations(path: Path) -> dict[str, list[Observation]]:
    """Return the observations of each conversation of a LoCoMo file, by its id, those that name a turn as evidence."""
    document = json.loads(path.read_text(encoding="utf-8"))
    found: dict[str, list[Observation]] = {}
    for raw in document if isinstance(document, list) else [document]:
        listed = found.setdefault(str(raw.get("sample_id")), [])
        for name, by_speaker in raw.get("observation", {}).items():
            number = re.findall(r"\d+", name)[0]
            for speaker, sentences in by_speaker.items():
                listed += [Observation(f"session_{number}", speaker, s[0]) for s in sentences if s[1]]
    return found


def sessions(
    drafts: Sequence[Draft], about: Sequence[Observation], together: int = 1, *, plain: bool = False
) -> list[Session]:
    """Forget the sessions of a conversation that have observations, `together` at a time; score all observations."""
    of_turn = [of_text(KEY, d.text, d.speaker) for d in drafts]
    of_observation = [of_text(KEY, o.text, o.speaker) for o in about]
    found = []
    for threads in _batches(about, together):
        gone = [h for h, d in zip(of_turn, drafts, strict=True) if d.thread in threads]
        left = [h for h, d in zip(of_turn, drafts, strict=True) if d.thread not in threads]
        stones = [Tombstone(n, "text" if plain or not n else "next", h.tobytes()) for n, h in enumerate(gone)]
        graves, frequencies = Graves.of(stones), Frequencies(left)
        scores = np.array([_score(graves, frequencies, h, plain=plain) for h in of_observation])
        own = np.array([o.thread in threads for o in about])
        if plain:
            limit = float(np.quantile([_score(graves, frequencies, h, plain=True) for h in left], 1 - RATE))
        else:
            limit = threshold(graves, frequencies, left)
        found.append(Session(scores[own], scores[~own], limit, float(np.mean([h.nbytes for h in gone]))))
    return found


def _batches(about: Sequence[Observation], together: int) -> list[tuple[str, ...]]:
    threads = list(dict.fromkeys(o.thread for o in about))
    return [tuple(threads[i : i + together]) for i in range(0, len(threads), together)]


def _score(graves: Graves, frequencies: Frequencies, hashes: Hashes, *, plain: bool) -> float:
    score = graves.match(hashes, frequencies).score
    if not plain:
        return score
    mass = float(frequencies.idf(hashes).sum())
    return score * (mass + ADDED * frequencies.unseen) / mass if mass else 0.0


def copies(drafts: Sequence[Draft], about: Sequence[Observation], together: int = 1) -> list[Session]:
    """Score as `sessions` does, by a digest of the whole text."""
    found = []
    for threads in _batches(about, together):
        gone = {d.text.casefold() for d in drafts if d.thread in threads}
        scores = np.array([float(o.text.casefold() in gone) for o in about])
        own = np.array([o.thread in threads for o in about])
        found.append(Session(scores[own], scores[~own], 0.5, 8.0))
    return found


def figures(found: Sequence[Session]) -> dict[str, Any]:
    """Return AUC, the share recognised at each rate of false alarms, and both shares at the guard's own threshold."""
    back, other = (np.concatenate([getattr(s, name) for s in found]) for name in ("back", "other"))
    caught = [float((s.back > s.threshold).mean()) for s in found]
    interval = bootstrap(caught)
    return {
        "auc": separability(back.tolist(), other.tolist()),
        **{f"tpr_at_{rate:.0%}_fpr": float((back > np.quantile(other, 1 - rate)).mean()) for rate in RATES},
        "tpr": float(np.concatenate([s.back > s.threshold for s in found]).mean()),
        "tpr_by_session": [float(np.mean(caught)), interval.low, interval.high],
        "fpr": float(np.concatenate([s.other > s.threshold for s in found]).mean()),
        "bytes": float(np.mean([s.bytes for s in found])),
        "sessions": len(found),
        "back": len(back),
        "other": len(other),
    }


def measure(path: Path, together: int = 1) -> Mapping[str, Any]:
    """Return the figures of the guard, and of simpler ones, on a LoCoMo file with observations."""
    about = observations(path)
    samples = locomo.load(path)
    began = time.perf_counter()
    guard = [s for sample in samples for s in sessions(sample.drafts, about[sample.id], together)]
    seconds = time.perf_counter() - began
    plain = [s for sample in samples for s in sessions(sample.drafts, about[sample.id], together, plain=True)]
    same = [s for sample in samples for s in copies(sample.drafts, about[sample.id], together)]
    return {"guard": {**figures(guard), "seconds": seconds}, "containment": figures(plain), "copies": figures(same)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]), *map(int, sys.argv[2:3])), indent=2) + "\n")
