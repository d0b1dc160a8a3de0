"""Answers are matched by label; nothing doubtful is believed and nothing raises."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.scoring.model.answers import Remark, quotes, remarks, scores

LABELS = ["p01", "p02", "p03"]
TEXT = "We measure the colour of moss on forty stones, daily; the moss turns green."


def relevance(text: str) -> dict[str, int]:
    return {label: values[0] for label, values in scores(text, LABELS, ("relevance",)).items()}


@pytest.mark.parametrize(
    "text",
    [
        '{"scores": [{"i": "p01", "s": 9}, {"i": "p02", "s": 1}]}',
        '```json\n[{"i": "p01", "s": 9}, {"i": "[p02]", "s": "1"}]\n```',
        '{"p01": 9, "p02": 1}',
        '{"scores": {"p01": {"relevance": 9}, "p02": {"relevance": 1.0}}}',
        '{"ARXIVID": "p01", "COMMENT": "x", "RELEVANCE": 9, "NOVELTY": 2}\n{"ARXIVID": "p02", "RELEVANCE": 1, "NOVELTY": 2}',
        'Here you are:\n{"i": "p01", "s": 9}\n{"i": "p02", "s": 1}\nThat is all.',
    ],
)
def test_many_forms_say_the_same(text: str) -> None:
    assert relevance(text) == {"p01": 9, "p02": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{"scores": [{"i": "p01", "s": 9,',  # broken off
        '{"scores": [{"i": "p01", "s": 11}]}',
        '{"scores": [{"i": "p01", "s": true}]}',
        '{"scores": [{"i": "p01", "s": 8.5}]}',
        '{"scores": [{"i": "p09", "s": 9}]}',  # nobody asked
        '{"scores": [{"i": "p01", "s": 9}, {"i": "p01", "s": 2}]}',  # which?
        '{"scores": [9, 8, 7]}',  # by place
        "I cannot do that.",
        "",
    ],
)
def test_what_is_doubtful_is_not_believed(text: str) -> None:
    assert relevance(text) == {}


def test_the_same_twice_is_no_doubt() -> None:
    assert relevance('{"scores": [{"i": "p01", "s": 9}, {"i": "p01", "s": 9}]}') == {"p01": 9}


def test_both_axes_or_none() -> None:
    text = '{"scores": [{"i": "p01", "rel": 9, "nov": 4}, {"i": "p02", "rel": 9}]}'
    assert scores(text, LABELS, ("relevance", "novelty")) == {"p01": (9, 4)}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(LABELS),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["i", "s", "id", "topic", *LABELS]) | st.text(), inner)
    ),
)


@settings(deadline=None)
@given(JSON.map(json.dumps) | st.text())
def test_nothing_raises_and_only_whole_numbers_from_one_to_ten_come_out(text: str) -> None:
    assert all(label in LABELS and 1 <= value <= 10 for label, value in relevance(text).items())
    assert set(remarks(text, dict.fromkeys(LABELS, TEXT), [1, 2])) <= set(LABELS)


@given(st.dictionaries(st.sampled_from(LABELS), st.integers(1, 10)))
def test_whole_answers_are_read_whole_and_cut_ones_not_at_all(values: dict[str, int]) -> None:
    text = json.dumps({"scores": [{"i": label, "s": value} for label, value in values.items()]})
    assert relevance(text) == values
    assert relevance(text[:-1]) == {}


@pytest.mark.parametrize(
    ("evidence", "true"),
    [
        ("the colour of moss on forty stones", True),
        ("The colour of moss, on FORTY stones", True),
        ("the color of moss on forty stones", True),
        ("the colour of snow in many towns", False),
        ("moss", False),  # proves nothing
        ("", False),
        ("We measure the colour of moss on forty stones, daily; the moss turns green", False),  # no quotation any more
    ],
)
def test_evidence_must_stand_in_the_text(evidence: str, true: bool) -> None:
    assert quotes(evidence, TEXT) is true


def a_remark(**fields: object) -> dict[str, Remark]:
    entry = {"i": "p01", "topic": 1, "evidence": "moss on forty stones", "comment": "Moss.", "summary": "New."} | fields
    return remarks(json.dumps({"papers": [entry]}), {"p01": TEXT}, [1, 2])


def test_a_true_remark_is_taken() -> None:
    assert a_remark() == {"p01": Remark(1, "moss on forty stones", "Moss.", "New.")}


@pytest.mark.parametrize("fields", [{"topic": 3}, {"topic": 0}, {"evidence": "snow on forty roofs"}, {"comment": ""}])
def test_an_untrue_one_is_not(fields: dict[str, object]) -> None:
    assert a_remark(**fields) == {}


def test_a_long_summary_is_cut_after_twenty_five_words() -> None:
    assert a_remark(summary="word " * 40)["p01"].summary == " ".join(["word"] * 25) + "…"


def test_a_topic_is_named_by_the_number_of_its_file() -> None:
    entry = {"i": "p01", "topic": 5, "evidence": " ".join(TEXT.split()[:5]), "comment": "It fits.", "summary": "New."}
    answer = json.dumps({"papers": [entry]})
    assert remarks(answer, {"p01": TEXT}, [2, 5])["p01"].topic == 5
    assert remarks(answer, {"p01": TEXT}, [1, 2, 3]) == {}


@pytest.mark.parametrize(
    "text",
    [
        'Here are my scores [as asked]:\n```json\n{"scores": [{"i": "p01", "s": 9},\n {"i": "p02", "s": 2}]}\n```\nDone.',
        'Sure! {"scores": [{"i": "p01", "s": 9}, {"i": "p02", "s": 2}]} I hope {this} helps.',
        'First {"i": "p01", "s": 9} and then {"i": "p02", "s": 2}.',
        '1. The scores:\n[\n {"i": "p01",\n "s": 9}, {"i": "p02", "s": 2}\n]',
    ],
)
def test_json_is_found_within_prose(text: str) -> None:
    assert scores(text, ["p01", "p02"], ("relevance",)) == {"p01": (9,), "p02": (2,)}


@pytest.mark.parametrize(
    "text",
    [
        'Sure! {"scores": [{"i": "p01", "s": 9}, {"i": "p02",',
        'Sure! {"scores": [{"i": "p01", "s": 9} {"i": "p02", "s": 2}]}',
    ],
)
def test_a_part_of_broken_json_in_prose_is_not_believed(text: str) -> None:
    assert scores(text, ["p01", "p02"], ("relevance",)) == {}
