"""The conformance kit of embedders: what everything that turns texts into vectors must do, as tests to inherit.

from agentmem.testing.embedder_kit import EmbedderKit

class TestMine(EmbedderKit):
    def make(self):
        return MyEmbedder()
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from agentmem.errors import MissingExtraError
from agentmem.protocols import Embedder
from agentmem.types import Vectors

try:
    import pytest
except ModuleNotFoundError as error:
    raise MissingExtraError("pytest", "dev") from error

TEXTS = (
    "I adopted a cat called Miso last Friday.",
    "The train to Lisbon leaves at nine.",
    "ok",
    "Nobody told me that the meeting had been moved to the other building, so I waited there for an hour in the rain.",
    "Where did she put the keys?",
    "Das Haus am See ist verkauft.",
    "我喜欢吃苹果",
    "42",
)

ODD_TEXTS = (
    "", " ", "?!", "nul\x00inside", "\u202egnp.exe", "\U0001f469\u200d\U0001f467", "line\nline\r\n", "e\u0301",
    "word " * 20_000, "x" * 50_000,
)  # fmt: skip


class EmbedderKit(ABC):
    """Inherit, write `make`, and every test below runs against your embedder, which is made once a class."""

    @abstractmethod
    def make(self) -> Embedder:
        """Return an embedder that is ready to use; the one method that a subclass writes."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        """Return the embedder under test, made at the first test of the class: models load slowly."""
        kept = vars(type(self)).get("_made")
        if kept is None:
            kept = self.make()
            type(self)._made = kept  # type: ignore[attr-defined]  # noqa: SLF001 - kept with the class it was made for
        made: Embedder = kept
        return made

    def test_is_an_embedder(self, embedder: Embedder) -> None:
        """It has a name to be recorded and a length of rows."""
        assert isinstance(embedder, Embedder), "if this fails, name, dim or __call__ is missing"
        assert embedder.name.strip(), "if this fails, a space could not record which embedder filled it"
        assert embedder.name == self.make().name, "if this fails, a space could not be opened a second time"
        assert embedder.dim > 1, "if this fails, dim is not the length of a row"

    def test_rows_are_unit_float32(self, embedder: Embedder) -> None:
        """One float32 row a text, of length one."""
        rows = embedder(TEXTS)
        assert isinstance(rows, np.ndarray), "if this fails, the result is no NumPy array: call .numpy() or np.asarray"
        assert rows.shape == (len(TEXTS), embedder.dim), "if this fails, there is not one row of length dim a text"
        assert rows.dtype == np.float32, "if this fails, rows are not float32: cast them"
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
        assert np.allclose(lengths, 1, atol=1e-3), f"if this fails, rows are not normalised: {lengths}"

    def test_no_texts_no_rows(self, embedder: Embedder) -> None:
        """An empty list gives (0, dim), not an error."""
        rows = embedder([])
        assert rows.shape == (0, embedder.dim), "if this fails, an empty batch breaks the caller's stacking"
        assert rows.dtype == np.float32, "if this fails, an empty batch has another dtype than a full one"

    def test_rows_keep_the_order_of_the_texts(self, embedder: Embedder) -> None:
        """Reversed texts give reversed rows, also where texts are sorted by length on the way."""
        rows = embedder(TEXTS)
        assert _equal(embedder(TEXTS[::-1]), rows[::-1]), "if this fails, rows come back sorted: undo the sorting"

    def test_a_row_depends_on_its_own_text_alone(self, embedder: Embedder) -> None:
        """A text gets the same bits alone, among others, twice in a batch, and asked again."""
        rows = embedder(TEXTS)
        for text, row in zip(TEXTS, rows, strict=True):
            assert _equal(embedder([text])[0], row), f"if this fails, padding or batching leaks into a row: {text!r}"
        assert _equal(embedder([TEXTS[2], TEXTS[3], TEXTS[2]])[2], rows[2]), "if this fails, a repeated text differs"
        many = embedder([*TEXTS] * 9 + [TEXTS[3] * 8])
        assert _equal(many[: len(TEXTS)], rows), "if this fails, rows change with the size of the batch"

    def test_different_texts_get_different_rows(self, embedder: Embedder) -> None:
        """No two of the texts share a row."""
        rows = embedder(TEXTS)
        cosines = rows @ rows.T - np.eye(len(TEXTS))
        assert cosines.max() < 0.999, "if this fails, the embedder tells different texts not apart"

    def test_results_are_the_callers_own(self, embedder: Embedder) -> None:
        """Writing into a result changes no later one."""
        rows = embedder(TEXTS[:2])
        kept = rows.copy()
        rows[:] = 7
        assert _equal(embedder(TEXTS[:2]), kept), "if this fails, the embedder hands out its cache or buffer: copy it"

    def test_any_sequence_will_do(self, embedder: Embedder) -> None:
        """A tuple and a list give the same rows, and neither is changed."""
        texts = list(TEXTS)
        assert _equal(embedder(texts), embedder(tuple(texts))), "if this fails, a tuple is not taken for texts"
        assert texts == list(TEXTS), "if this fails, the embedder changes the list it is given"

    def test_odd_texts_get_unit_rows(self, embedder: Embedder) -> None:
        """Empty, strange and far too long texts get a row of length one like any other."""
        rows = embedder(ODD_TEXTS)
        assert np.isfinite(rows).all(), "if this fails, a text without words divides by zero"
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
        assert np.allclose(lengths, 1, atol=1e-3), f"if this fails, a strange text gets no unit row: {lengths}"

    def test_threads_may_share_it(self, embedder: Embedder) -> None:
        """Eight threads at once get what one gets alone."""
        rows = embedder(TEXTS)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda turn: embedder([TEXTS[turn % len(TEXTS)]])[0], range(64)))
        for turn, row in enumerate(found):
            assert _equal(row, rows[turn % len(TEXTS)]), "if this fails, threads disturb each other: use a lock"


def _equal(one: Vectors, other: Vectors) -> bool:
    return one.tobytes() == other.tobytes()
