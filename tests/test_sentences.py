"""Phrases and telling sentences: cut where something ends, never within it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.rendering.language import words
from newsletter.rendering.sentences import phrase, telling
from tests.builders import WEDNESDAY, a_paper, an_edition, scored
from tests.test_rendering import Page, html_of, text_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It fits.", "It fits."),
        ("It fits your moss. It also has a bound, which few have.", "It fits your moss."),
        ("It fits your topic of moss: a bound for growth on stones", "It fits your topic of moss…"),
        ("It grows moss on stones (and on walls, of all kinds) in a cellar", "It grows moss on stones (and on walls, of all kinds)…"),
        ("Fits as e.g. Winter et al. did, without any bound for growth", "Fits as e.g. Winter et al. did…"),
        ("It watches the moss with care and with no pause at all", "It watches the moss with care and with no pause at all"),
    ],
)  # fmt: skip
def test_a_phrase_ends_where_a_sentence_or_a_clause_does(text: str, shown: str) -> None:
    assert phrase(text, 32) == shown


def test_only_a_text_of_twice_the_length_without_a_pause_is_cut_at_a_word() -> None:
    assert phrase("moss " * 40, 20) == "moss moss moss moss moss moss moss…"


@given(st.text("ab .,:;()“”-", max_size=200), st.integers(10, 60))
def test_a_phrase_is_the_beginning_of_its_text_and_has_an_end(text: str, length: int) -> None:
    shown = phrase(text, length)
    assert len(shown) <= max(2 * length, length) + 1
    assert shown == text or text.startswith(shown.removesuffix("…"))


def test_where_the_code_is_tells_nothing_of_a_paper() -> None:
    abstract = "We grow moss on stones in a cellar. Our code is available online. Moss is green."
    assert telling(abstract, 30) == "We grow moss on stones in a cellar."


@pytest.mark.parametrize(
    ("language", "one", "date"),
    [
        ("en", "1 paper for you of 250 new", "Wednesday 18 November 2026"),
        ("de", "1 Arbeit für Sie von 250 neuen", "Mittwoch, 18. November 2026"),
        ("es", "1 artículo para ti de 250 nuevos", "miércoles 18 de noviembre de 2026"),
        ("fr", "1 article pour vous sur 250 nouveaux", "mercredi 18 novembre 2026"),
    ],
)
def test_one_is_one_and_the_date_has_its_year_in_every_language(language: str, one: str, date: str) -> None:
    edition = an_edition([scored(a_paper())], language=language)
    for text in (Page(html_of(edition)).text, " ".join(text_of(edition).split())):
        assert one in text
        assert date in text
    assert words(language).dated(WEDNESDAY) == date


def test_a_topic_is_not_named_by_a_part_of_a_word() -> None:
    item = scored(a_paper(), topic="Moss", comment="In the main about stones.")
    page = Page(html_of(an_edition([item], topics=("Moss", "AI"), scorer="openai", model="m")))
    assert "Moss 1. On the growth" in page.text
