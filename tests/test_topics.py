"""What is understood of a topics file's body, in all the ways in which people write one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import TopicsError
from newsletter.models.subscribers import Topics
from newsletter.topics.body import MAX_BYTES, parse, read_body


def understood(body: str) -> list[tuple[str, str, str]]:
    return [(topic.name, topic.relevant, topic.irrelevant) for topic in read_body(body).topics]


@pytest.mark.parametrize(
    ("wanted", "unwanted"),
    [
        ("- Relevant: ", "- Irrelevant: "),
        ("   - Relevant: ", "   - Irrelevant: "),
        ("- Keep: ", "- Filter: "),
        ("- keep: ", "- filter out: "),
        ("* **Relevant:** ", "* **Not relevant:** "),
        ("+ __Include__: ", "+ __Exclude__: "),
        ("Relevant: ", "Not relevant: "),
        ("- Interested: ", "- Not interested: "),
        ("- Want: ", "- Avoid: "),
        ("- Want: ", "- Skip: "),
        ("- Want: ", "- Ignore: "),
    ],
)
def test_the_wordings_of_wanted_and_unwanted(wanted: str, unwanted: str) -> None:
    body = f"1. Moss\n{wanted}growth on stones\n{unwanted}trees\n2. Lichen\n{wanted}algae\n"
    assert understood(body) == [("Moss", "growth on stones", "trees"), ("Lichen", "algae", "")]


@pytest.mark.parametrize("number", ["1. ", "1) ", " 1. ", "## 1. ", "12. ", "1.", "(1) ", "1: ", "**1.** ", "120. "])
def test_the_ways_to_number_a_topic(number: str) -> None:
    assert understood(f"{number}**Moss**:\n   - Relevant: stones\n") == [("Moss", "stones", "")]


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        ("1. Moss\n2.Sieve methods\n3. Bog", [1, 2, 3]),
        ("2. Moss\n5. Bog", [2, 5]),
        ("1. Moss\n1. Bog", [1, 2]),
        ("3. Moss\n2. Bog", [1, 2]),
        ("0. Moss\n1. Bog", [1, 2]),
        ("1. Moss\n3.5 eV and more", [1]),
    ],
)
def test_topics_keep_the_numbers_of_the_file_where_these_rise(body: str, numbers: list[int]) -> None:
    assert [topic.number for topic in read_body(body).topics] == numbers


def test_a_numbered_line_alone_is_its_own_description() -> None:
    assert understood("1. Moss on stones;\n 2. Lichen.\n") == [
        ("Moss on stones", "Moss on stones;", ""),
        ("Lichen", "Lichen.", ""),
    ]


def test_a_long_line_gets_a_short_name_and_keeps_its_words() -> None:
    line = "New ways to watch moss grow on stones, walls and roofs over many years of rain, by cheap cameras"
    [(name, relevant, _)] = understood(f"1. {line}\n")
    assert name == "New ways to watch moss grow on stones, walls and roofs over many years of…"
    assert line in relevant


def test_indented_and_wrapped_lines_continue_what_they_follow() -> None:
    body = "1. Moss\n   - Relevant: growth\n     on stones\n   - Irrelevant: trees\nand shrubs\n\n   of all kinds\n"
    assert understood(body) == [("Moss", "growth on stones", "trees and shrubs of all kinds")]


def test_headings_with_labelled_paragraphs_are_topics() -> None:
    body = """## What I read

### Moss
Relevant: growth on stones,
walls and roofs

Not relevant: trees

Lichen

Relevant: algae

My friend likes **colour**.
"""
    topics = read_body(body)
    assert understood(body) == [("Moss", "growth on stones, walls and roofs", "trees"), ("Lichen", "algae", "")]
    assert topics.advice == "What I read My friend likes colour."


def test_text_around_numbered_topics_is_advice() -> None:
    topics = read_body("## Topics\nKeep what is *new*.\n\n1. Moss\n\nLeave these out:\n- press releases\n- surveys\n")
    assert [topic.relevant for topic in topics.topics] == ["Moss"]
    assert topics.advice == "Keep what is new. Leave these out: - press releases - surveys"


@pytest.mark.parametrize("body", ["I study moss\non stones.", "# Me\n\nI study moss\n\non stones.", "- I study moss\n- on stones."])  # fmt: skip
def test_free_text_is_one_topic(body: str) -> None:
    [topic] = read_body(body).topics
    assert (topic.number, topic.name.replace("- ", "")) == (1, "I study moss on stones")


@pytest.mark.parametrize("heading", ["**Keywords:**", "Keywords:", "## Keywords", "keywords", "**Keyword**:"])
def test_keyword_lists_stand_under_several_labels(heading: str) -> None:
    topics = read_body(
        f"1. Moss\n\n{heading}\n\n- Relevant: moss, bog (wet), etc.\n- Irrelevant: trees; shrubs\n- Application: roofs\n\nAdvice."
    )
    assert topics.relevant_keywords == ("moss", "bog (wet)")
    assert topics.irrelevant_keywords == ("trees", "shrubs", "roofs")
    assert topics.advice == "Advice."


def test_a_sentence_about_keywords_is_no_list() -> None:
    assert understood("Keyword spotting in speech") == [("Keyword spotting in speech",) * 2 + ("",)]


def test_keywords_may_follow_on_the_line_or_as_a_plain_list() -> None:
    assert read_body("1. Moss\n\nKeywords: moss, bog").relevant_keywords == ("moss", "bog")
    assert read_body("1. Moss\n\nKeywords:\n- moss\n* bog").relevant_keywords == ("moss", "bog")


def test_equal_topics_have_one_hash_however_they_are_spaced() -> None:
    assert read_body("1. Moss\n   on stones").hash == read_body("\n1.  Moss on\nstones\n\n").hash
    assert read_body("1. Moss").hash != read_body("1. moss").hash


def test_line_ends_and_a_byte_order_mark_make_no_difference() -> None:
    plain = parse(b"---\nemail: a@b.org\n---\n1. Moss\n2. Bog\n", "a.md")
    assert parse(b"\xef\xbb\xbf---\r\nemail: a@b.org\r\n---\r\n1. Moss\r\n2. Bog\r\n", "a.md") == plain


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "ada.md: has no topics: write what you want to read about below the front matter"),
        (b"---\nemail: a@b.org\n---\n \n", "ada.md: has no topics"),
        (b"1. Moss\n2. B\xff", r"ada.md:2: is not valid UTF-8 \(byte 12\)"),
        (b"x" * (MAX_BYTES + 1), "ada.md: is 32001 bytes; a topics file has at most 32000"),
    ],
)
def test_what_is_no_topics_file_is_said_in_one_sentence(raw: bytes, sentence: str) -> None:
    with pytest.raises(TopicsError, match=sentence):
        parse(raw, "ada.md")


LINE = st.sampled_from(
    ["1. ", "2) Moss", "- Relevant: a, b", "Not relevant:", "## ", "# 3. x", "**Keywords:**", "- b: c", "  more", "", "---", "*"]
)  # fmt: skip


@given(st.lists(LINE | st.text(max_size=30), max_size=12).map("\n".join))
def test_every_body_has_a_topic_and_is_kept_for_the_model(body: str) -> None:
    topics = read_body(body)
    assert topics.body == body.strip("\n") + "\n"
    numbers = [topic.number for topic in topics.topics]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= 1
    assert topics.topics


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_give_topics_or_one_sentence(raw: bytes) -> None:
    try:
        found = parse(raw, "ada.md")
    except TopicsError as error:
        assert str(error).startswith("ada.md")
    else:
        assert isinstance(found.topics, Topics)
