"""How each evaluator is run when all are: how its data are called, the settings of `make results`, and what is shown.

`agentmem eval all` runs these; a test holds them against the Makefile, and each place against a stored result.
"""

from __future__ import annotations

from agentmem.evaluation.suite import Place, Plan, Shown

LOCOMO = "locomo*.json"


def _shown(what: str, *path: str, beside: dict[str, str], root: Place = ("metrics",)) -> Shown:
    """Return a figure that stands at one path below the metrics, the intervals and each baseline."""
    return Shown(what, (*root, *path), ("ci", *path), {name: ("baselines", key, *path) for name, key in beside.items()})


DENSE = {"dense": "dense", "BM25": "bm25"}
LAST = {**DENSE, "the last ones": "fifo"}
LEAKS = {
    "forgets nothing": "none",
    "forgets all": "nuke",
    "no memory": "null",
    "by similarity": "similarity",
    "oracle": "oracle",
}

PLANS = (
    Plan(
        "locomo",
        (
            Shown(
                "evidence recall at 10, categories 1-4",
                ("recall", "10", "1-4"),
                ("recall_ci", "10", "1-4"),
                {name: ("baselines", key, "recall", "10", "1-4") for name, key in DENSE.items()},
            ),
            Shown(
                "official F1, all categories",
                ("f1", "all"),
                ("f1_ci", "all"),
                {
                    name: ("baselines", key, "f1", "all")
                    for name, key in (DENSE | {"no memory": "none", "oracle": "oracle"}).items()
                },
            ),
        ),
        LOCOMO,
        settings={"cross_validate": True},
    ),
    Plan(
        "order",
        tuple(
            _shown(
                f"the earlier of two things, {kind}",
                kind,
                "all",
                beside={
                    "dense with dates": "dense+dates",
                    "BM25 with dates": "bm25+dates",
                    "BM25": "bm25",
                    "random": "random",
                },
            )
            for kind in ("verbatim", "other words")
        ),
        LOCOMO,
        settings={"cross_validate": True},
    ),
    Plan(
        "update",
        (
            _shown("current value first", "current", "first", beside={**LAST, "oracle": "oracle"}),
            _shown("a stale value first (less is better)", "current", "first_other", beside=LAST),
            _shown("the value of a past day first", "as of", "first", beside={**LAST, "oracle": "oracle"}),
        ),
    ),
    Plan(
        "unlearning",
        tuple(
            Shown(
                f"what was to be forgotten comes up, {kind} (less is better)",
                ("metrics", key, "agentmem", "leak_provenance@10"),
                ("ci", key, "leak_provenance@10"),
                {
                    name: ("metrics", key, condition, "leak_provenance@10")
                    for name, condition in (
                        ("nothing goes", "none"),
                        ("turns alone", "turns_only"),
                        ("all goes", "nuke"),
                        ("no memory", "null"),
                    )
                },
            )
            for kind, key in (("names", "entity"), ("sessions", "thread"))
        ),
        LOCOMO,
    ),
    Plan(
        "interference",
        (
            _shown("newest value first, 400 updates", "interleaved", "400", beside={**LAST, "slots": "slots"}),
            _shown("newest value first, as people say it", "paraphrased", beside={**LAST, "slots": "slots"}),
        ),
        "dict_category_double-word*.json",
        up=1,
    ),
    Plan(
        "consolidation",
        (_shown("newest fact first, 32k", "sh_32k", "newest_top1", beside=LAST),),
        "factconsolidation*.json",
    ),
    Plan(
        "multihop",
        (_shown("passages of a question among five", "recall@5", beside=DENSE),),
        "*_corpus.json",
        up=1,
    ),
    Plan(
        "gatemem",
        (
            _shown("utility", "utility", beside=LEAKS),
            _shown("what was deleted leaks (less is better)", "deletion_leak", beside=LEAKS),
        ),
        "episodes.jsonl",
        up=2,
    ),
    Plan(
        "memora",
        (_shown("FAMA: added recalled, taken back not", "fama", beside=LEAKS),),
        "evaluation_questions_*.json",
        up=2,
    ),
    Plan(
        "babi",
        tuple(_shown(f"answers, task {task}", task, "accuracy", beside=DENSE) for task in "123"),
        "qa1_*_test.txt",
        up=1,
    ),
    Plan(
        "retention",
        (
            Shown(
                "evidence kept by salience, a tenth of the turns",
                ("metrics", "salience", "0.1", "evidence_kept"),
                ("ci", "salience", "0.1", "evidence_kept"),
                {
                    name: ("baselines", key, "0.1", "evidence_kept")
                    for name, key in (("random", "random"), ("the newest", "recency"), ("oracle", "oracle"))
                },
            ),
        ),
        LOCOMO,
        settings={"budgets": [0.05, 0.1, 0.25, 0.5]},
    ),
    Plan(
        "ablate",
        tuple(
            Shown(
                f"evidence recall at 10, {name}",
                ("structures", key, "recall@10"),
                ("structures", key, "recall@10_ci"),
                beside,
            )
            for name, key, beside in (
                (
                    "mixed memory, every deriver on",
                    "mixed",
                    {"turns": ("structures", "turns", "recall@10")},
                ),
                (
                    "turns, all signals",
                    "turns",
                    {
                        f"without {signal.replace('_', ' ')}": ("signals", signal, "recall@10")
                        for signal in ("words_near", "speaker", "dense")
                    },
                ),
            )
        ),
        LOCOMO,
    ),
    Plan("forgeteval", (_shown("cases passed", "single", beside=LEAKS),), "forgeteval*.json"),
)
"""In the order of the page."""
