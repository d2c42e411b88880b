"""The stores: each through the kit of all stores, and then what is particular to each."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from agentmem.encoding import words
from agentmem.encoding.words import terms
from agentmem.errors import AgentmemError, MissingExtraError, VectorError
from agentmem.testing.fakes import DIM, fake_id, make_memories, make_memory, make_query, unit_rows
from agentmem.testing.oracles import bm25, nearest
from agentmem.testing.store_kit import MemoryStoreKit
from agentmem.types import Query
from agentmem_stores import episodic, exact, lexical

LANGUAGES = {
    "Amharic": "ድመቷ በጣራው ላይ ትተኛለች", "Arabic": "القطة تنام على السطح", "Armenian": "Կատուն քնում է տանիքին",
    "Basque": "Katuak teilatuan lo egiten du", "Bengali": "বিড়ালটি ছাদে ঘুমায়", "Bulgarian": "Котката спи на покрива",
    "Burmese": "ကြောင်က အမိုးပေါ်မှာ အိပ်တယ်", "Catalan": "El gat dorm a la teulada", "Chinese": "猫在屋顶上睡觉",
    "Czech": "Kočka spí na střeše", "Danish": "Katten sover på taget", "Dutch": "De kat slaapt op het dak",
    "Finnish": "Kissa nukkuu katolla", "French": "Le chat dort sur le toit", "Georgian": "კატა სახურავზე სძინავს",
    "German": "Die Katze schläft auf dem Dach", "Greek": "Η γάτα κοιμάται στη στέγη", "Gujarati": "બિલાડી છત પર સૂવે છે",
    "Hebrew": "החתול ישן על הגג", "Hindi": "बिल्ली छत पर सोती है", "Hungarian": "A macska a tetőn alszik",
    "Icelandic": "Kötturinn sefur á þakinu", "Indonesian": "Kucing itu tidur di atap",
    "Irish": "Codlaíonn an cat ar an díon",
    "Italian": "Il gatto dorme sul tetto", "Japanese": "猫は屋根の上で寝ます", "Khmer": "ឆ្មាដេកលើដំបូល",
    "Korean": "고양이가 지붕에서 잔다", "Lao": "ແມວນອນເທິງຫຼັງຄາ", "Malayalam": "പൂച്ച മേൽക്കൂരയിൽ ഉറങ്ങുന്നു",
    "Persian": "گربه روی بام می‌خوابد", "Polish": "Kot śpi na dachu", "Portuguese": "O gato dorme no telhado",
    "Russian": "Кошка спит на крыше", "Sinhala": "පූසා වහලය මත නිදා ගනී", "Spanish": "El gato duerme en el tejado",
    "Tamil": "பூனை கூரையில் தூங்குகிறது", "Thai": "แมวนอนบนหลังคา", "Turkish": "Kedi çatıda uyuyor",
    "Vietnamese": "Con mèo ngủ trên mái nhà",
}  # fmt: skip


class TestEpisodic(MemoryStoreKit):
    closeness = 0.99999

    def make(self):
        return episodic.make({})


class TestLexical(MemoryStoreKit):
    def make(self):
        return lexical.make({})


class TestExact(MemoryStoreKit):
    closeness = 1 - 1e-6
    recall_of_exact = 1.0

    def make(self):
        return exact.make({})


def holding(store, memories):
    store.add(memories)
    return store


# --- episodic ---


def test_episodic_agrees_with_exact_on_what_half_precision_can_hold() -> None:
    """Ids and scores equal brute force to the last bit of float32 where the vectors fit into float16."""
    rows = unit_rows(1000, seed=5).astype(np.float16).astype(np.float32)
    memories = [make_memory(n, vector=row) for n, row in enumerate(rows[:950])]
    ours, oracle = holding(episodic.make({}), memories), holding(exact.make({}), memories)
    for row in rows[950:]:
        assert ours.search(Query("", row), 20) == oracle.search(Query("", row), 20)


def test_exact_agrees_with_the_oracle() -> None:
    """The exact store returns what the plain loop over dot products does."""
    memories, query = make_memories(100), make_query("memory tango number18")
    hits, wanted = holding(exact.make({}), memories).search(query, 12), nearest(memories, query, 12)
    assert [hit.id for hit in hits] == [hit.id for hit in wanted]
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in wanted], abs=1e-9)


def test_erased_vectors_leave_the_memory_of_the_index() -> None:
    """The bytes of a removed row are nowhere in the buffer of the index, its spare end included."""
    rows = unit_rows(64, seed=9)
    for gone in ([3], [63], [0, 1, 2, 60, 61], list(range(1, 64)), list(range(64))):
        store = holding(episodic.make({}), [make_memory(n, vector=row) for n, row in enumerate(rows)])
        index = store._index
        pointer, whole = index.codes.data(), index.codes.size()
        buffer = store._faiss.rev_swig_ptr(pointer, whole)
        needles = [rows[n].astype(np.float16).tobytes() for n in gone]
        assert all(needle in buffer.tobytes() for needle in needles)  # the control: they were there
        store.remove([fake_id(n) for n in gone])
        assert not any(needle in buffer.tobytes() for needle in needles)


def test_replaced_vectors_leave_the_memory_of_the_index() -> None:
    """A replaced row is overwritten in place."""
    rows = unit_rows(3, seed=9)
    store = holding(episodic.make({}), [make_memory(1, vector=rows[0]), make_memory(2, vector=rows[1])])
    store.add([make_memory(1, vector=rows[2])])
    assert store._codes().tobytes() == rows[[2, 1]].astype(np.float16).tobytes()


def test_numbers_beyond_half_precision_are_refused() -> None:
    """A vector that would become infinite in float16 is refused, and the message names the memory."""
    with pytest.raises(VectorError, match=f"memory {fake_id(7)} .* huge"):
        episodic.make({}).add([make_memory(7, vector=np.full(DIM, 1e6, np.float32))])


def test_an_emptied_index_takes_vectors_of_another_size() -> None:
    """Nothing of an emptied store stays, not even the size of its vectors."""
    store = holding(episodic.make({}), make_memories(2))
    store.remove([fake_id(0), fake_id(1)])
    store.add([make_memory(5, vector=unit_rows(1, dim=8)[0])])
    assert store.vectors([fake_id(5)]).shape == (1, 8)


def test_two_faiss_packages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """faiss-cpu and faiss-gpu overwrite each other; the message says which commands mend it."""
    monkeypatch.setattr(episodic, "_installed", lambda name: name in {"faiss-cpu", "faiss-gpu-cu12"})
    episodic._import_faiss.cache_clear()
    with pytest.raises(AgentmemError, match="pip uninstall -y faiss-cpu faiss-gpu-cu12 && pip install 'agentmem"):
        episodic.make({})


def test_no_faiss_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without FAISS the error names the extra to install."""
    monkeypatch.setitem(sys.modules, "faiss", None)
    episodic._import_faiss.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'agentmem\[cpu\]'"):
        episodic.make({})


def test_modules_of_stores_load_nothing_heavy() -> None:
    """Importing the stores loads neither FAISS nor the stemmer; the first use does."""
    code = (
        "import sys; import agentmem_stores.episodic, agentmem_stores.lexical; "
        "sys.exit(bool({'faiss', 'Stemmer', 'torch'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": ":".join(sys.path)}).returncode
        == 0
    )


@pytest.mark.parametrize("module", [episodic, lexical])
def test_threads_may_share_a_store(module) -> None:
    """Searching, adding, removing and saving at once neither crash nor disturb what stays."""
    store = holding(module.make({}), make_memories(500))
    query = make_query("memory kiwi number16")
    wanted = {hit.id for hit in store.search(make_query("memory"), 5000)}

    def work(turn: int) -> bool:
        extra = make_memories(20, start=10_000 + 100 * turn)
        store.add(extra)
        found = store.search(query, 5000)
        store.remove([memory.id for memory in extra])
        return wanted <= {hit.id for hit in found}

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(work, range(60)))
    assert store.search(query, 9) == holding(module.make({}), make_memories(500)).search(query, 9)


@pytest.mark.parametrize("module", [episodic, lexical])
def test_both_ways_to_filter_agree(module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking allowed ids up one by one and searching first give the same hits, also for the worst ids."""
    store = holding(module.make({}), make_memories(600))
    query = make_query("memory kiwi number16")
    order = [hit.id for hit in store.search(query, 600)]
    for allowed in (order[::2], order[-40:], order[:40], [*order[-40:], fake_id(99_999)], order[300:330]):
        asked = make_query(query.text, allowed)
        one_by_one = [store.search(asked, k) for k in (1, 5, 600)]
        with monkeypatch.context() as patch:
            patch.setattr(module, "_FEW", 3)
            patch.setattr(module, "_SHARE", 10**9, raising=False)
            assert [store.search(asked, k) for k in (1, 5, 600)] == one_by_one
            assert [hit.id for hit in one_by_one[2]] == [i for i in order if i in set(allowed)]


# --- lexical ---


@pytest.mark.parametrize("k1_b", [(1.2, 0.75), (0.9, 0.4), (0.0, 0.0), (2.0, 1.0)])
def test_lexical_scores_are_the_formula(k1_b: tuple[float, float]) -> None:
    """Scores are those of BM25 worked out term by term, for any k1 and b."""
    rng = np.random.default_rng(3)
    vocabulary = [f"word{n}" for n in range(40)]
    texts = [" ".join(rng.choice(vocabulary, rng.integers(1, 30))) for _ in range(120)]
    memories = [make_memory(n, text) for n, text in enumerate(texts)]
    k1, b = k1_b
    store = holding(lexical.make({"k1": k1, "b": b}), memories)
    for question in ("word1 word2 word3", "word7", "word7 word7 word39 nothing"):
        hits = store.search(make_query(question), 200)
        wanted = {hit.id: hit.score for hit in bm25(memories, make_query(question), 200, k1=k1, b=b)}
        assert {hit.id: hit.score for hit in hits} == pytest.approx(wanted, rel=1e-5)


def test_lexical_worked_by_hand() -> None:
    """Two memories of two words, one of them asked for: idf ln 2, tf part 2.2 / 2.2."""
    store = holding(lexical.make({}), [make_memory(1, "kiwi tango"), make_memory(2, "zulu mango")])
    ((found, score),) = store.search(make_query("kiwi"), 5)
    assert found == fake_id(1)
    assert score == pytest.approx(np.log(2), rel=1e-6)


def test_removing_leaves_no_word_behind() -> None:
    """A word that only a removed memory used is in no structure of the store, nor in the cache of stems."""
    store = holding(lexical.make({}), make_memories(30))
    store.add([make_memory(99, "kiwi xylofantastik quuxification")])
    assert {"xylofantastik", "quuxif"} <= store._number.keys()
    store.remove([fake_id(99)])
    held = repr([store._number, store._words, store._ids, store._row, words._stems])
    assert not any(trace in held for trace in ("xylo", "quux", fake_id(99)))
    assert store._terms[30] == b""
    assert sum(map(len, store._rows)) == sum(len(t) // 4 for t in store._terms) == 90
    numbers = len(store._words)
    store.add([make_memory(100, "brandnew")])
    assert len(store._words) == numbers  # the number of a word that is gone is given again


def test_holes_are_closed() -> None:
    """A store that has lost most of its memories shrinks, and finds what it found."""
    store = holding(lexical.make({}), make_memories(4000))
    store.remove([fake_id(n) for n in range(3000)])
    assert len(store._ids) == 1000
    wanted = holding(lexical.make({}), make_memories(1000, start=3000))
    for question in ("memory kiwi", "number3500 number3016"):
        assert store.search(make_query(question), 50) == wanted.search(make_query(question), 50)


@pytest.mark.parametrize("config", [{"k1": -1}, {"b": 1.5}, {"k1": float("nan")}, {"kl": 1.2}])
def test_impossible_settings_are_refused(config: dict[str, float]) -> None:
    """A setting that BM25 cannot have, or does not know, is an error that says which."""
    with pytest.raises(ValueError, match="k1"):
        lexical.make(config)


@pytest.mark.parametrize("module", [episodic, exact])
def test_stores_without_settings_refuse_some(module) -> None:
    """A setting that does nothing is refused, not ignored."""
    with pytest.raises(ValueError, match="metric"):
        module.make({"metric": "l2"})


def test_forty_languages_find_their_own() -> None:
    """In each of forty languages a memory is found by a part of it, however its script divides words."""
    assert len(LANGUAGES) == 40
    memories = [make_memory(n, text) for n, text in enumerate(LANGUAGES.values())]
    store = holding(lexical.make({}), memories)
    for memory in memories:
        part = memory.text.rpartition(" ")[0] or memory.text[: len(memory.text) // 2]
        assert store.search(make_query(part), 1)[0].id == memory.id, memory.text


def test_sixteen_megabytes_are_counted() -> None:
    """The largest text goes in, is found by a word at its end, and goes out."""
    text = "banana split " * (16 * 2**20 // 13 - 1) + "zebra"
    store = holding(lexical.make({}), [make_memory(1, text, vector=None), make_memory(2, "zebra", vector=None)])
    counts = store.term_counts(make_query("banana zebra"), [fake_id(1)])
    assert counts.counts.tolist() == [[text.count("banana"), 1]]
    assert [hit.id for hit in store.search(make_query("zebra"), 5)] == [fake_id(2), fake_id(1)]
    store.remove([fake_id(1)])
    assert len(store._number) == 1


# --- words ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Marlene's dogs don't run_fast; I'll be swimming", ["marlen", "dog", "run", "fast", "swim"]),
        ("The cat, the hat!", ["cat", "hat"]),
        ("who are you?", []),
        ("Größe GRÖSSE ﬁne", ["grösse", "grösse", "fine"]),
        ("cafe\u0301 café", ["café", "café"]),
        ("我喜欢 iPhone15 很", ["我喜", "喜欢", "iphone15", "很"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("COVID-19 3.14", ["covid", "19", "3", "14"]),
        ("x" * 100, ["x" * 64]),
        ("", []),
        ("\x00\u202e!?", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    """Words are folded, stemmed, cleared of stop words, and cut where a script has no spaces."""
    assert terms(text) == expected
    assert terms(text) == expected  # once more, from the cache


def test_the_cache_of_stems_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many words come by, the cache stays within its bound and the terms stay right."""
    monkeypatch.setattr(words, "_CACHED", 100)
    words.forget_words()
    for n in range(1000):
        assert terms(f"running{n} dogs") == [f"running{n}", "dog"]
        assert len(words._stems) <= 100
