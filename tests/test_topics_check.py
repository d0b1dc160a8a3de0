"""`topics check`: all errors at once, lines that look like a topic and are none, and what a run would refuse."""

from dataclasses import fields
from pathlib import Path

import pytest

from newsletter.models.subscribers import Wishes
from newsletter.topics.check import check
from tests.builders import a_topics_file
from tests.commands import Command
from tests.test_bad_input import subscribe

GOOD = "---\nemail: ada@example.org\ncategories: [q-bio.PE]\n---\n\n"


def test_all_errors_of_a_file_are_said_at_once() -> None:
    front = (
        "---\nfoo: 1\nmin_relevance: 70\nlanguage: german\ndeliver: {at: noon, bar: 2}\nemail: nobody\n---\n\n1. Moss\n"
    )
    assert check(front.encode(), "ada.md").errors == (
        f"ada.md:2: unknown key foo; known keys: {', '.join(field.name for field in fields(Wishes))}",
        "ada.md:5: unknown key deliver.bar; known keys: frequency, days, at, timezone, empty",
        "ada.md:3: min_relevance: must be at most 10",
        'ada.md:5: deliver.at: must be a time, such as "07:30"',
        "ada.md:6: email: 'nobody' is not one plain address, such as ada@example.org",
        "ada.md:4: language: 'german' is written de here",
    )


def test_front_matter_and_body_are_both_looked_at() -> None:
    errors = check(b"---\nfoo: 1\n---\n\n", "ada.md").errors
    assert [error.partition(";")[0] for error in errors] == [
        "ada.md:2: unknown key foo",
        "ada.md: has no topics: write what you want to read about",
    ]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("3 Moss", "ada.md:8: looks like a topic and is read as text; number it like `1. Moss`"),
        ("3 - Moss", "number it like `1. Moss`"),
        ("IV. Moss", "number it like `1. Moss`"),
        ("b) Moss", "number it like `1. Moss`"),
        ("**Topic 3:** Moss", "number it like `1. Moss`"),
        ("2024. Moss", "number it like `1. Moss`"),
        ("## Moss", "ada.md:8: is a heading among numbered topics and is left out; if it is a topic, number it"),
    ],
)
def test_a_line_that_looks_like_a_topic_and_is_none_is_named(line: str, sentence: str) -> None:
    (warning,) = check(f"{GOOD}1. Sieves\n2. Primes\n{line}\n".encode(), "ada.md").warnings
    assert sentence in warning


@pytest.mark.parametrize(
    "text",
    [
        "# What I read\n\n1. Sieves\n   - Relevant: 3 Primes\n2.Primes\n",
        "1. Sieves\n\n## Keywords\n- Relevant: moss\n",
        "1. Sieves\n    1. of a kind\n",
        "I have 3 wishes: sieves, primes, e.g. twins.\n",
        "Sieves\n\nRelevant: primes.\n",
    ],
)
def test_ordinary_files_are_not_doubted(text: str) -> None:
    assert check(f"{GOOD}{text}".encode(), "ada.md").warnings == ()


def test_a_folder_is_checked_as_a_run_would_read_it(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    subscribe(home, "bo", email="Ada@Example.org")
    (home / "subscribers" / "Big Name.md").write_text(a_topics_file("big"), encoding="utf-8")
    (home / "subscribers" / "cy.md").write_text("1. Moss\n", encoding="utf-8")
    done = newsletter("topics", "check", home / "subscribers")
    assert done.code == 2
    assert "ada.md: 1 topic, 0 keywords\n  1. Moss: growth of moss on stones; not: trees\n" in done.out
    folder = home / "subscribers"
    assert done.err.splitlines() == [
        f"newsletter: {folder}/Big Name.md: a topics file is named with small letters, digits, dots and dashes",
        f"newsletter: {folder}/bo.md: email: {folder}/ada.md has the same address; one subscriber has one file",
        f"newsletter: {folder}/cy.md: email: is missing; add it to the front matter",
        f"newsletter: {folder}/cy.md: categories: is missing; add it to the front matter",
    ]


def test_a_file_that_is_nobodys_yet_needs_no_address(newsletter: Command, tmp_path: Path) -> None:
    plain = tmp_path / "My topics.md"
    plain.write_text("1. Moss\n2. Stones\n\n**Keywords:** moss, stones\n\nNothing on trees.\n", encoding="utf-8")
    done = newsletter("topics", "check", plain)
    assert (done.code, done.err) == (0, "")
    assert "2 topics, 2 keywords" in done.out
    assert "keywords: moss, stones" in done.out
    assert "for the model, too: Nothing on trees." in done.out
    assert "has no email yet" in done.out


def test_an_empty_folder_is_named(newsletter: Command, tmp_path: Path) -> None:
    done = newsletter("topics", "check", tmp_path)
    assert (done.code, f"{tmp_path}: has no topics file" in done.err) == (2, True)


@pytest.mark.parametrize("tag", ["en", "de", "pt-BR", "zh-Hant", "gsw"])
def test_a_language_is_a_tag(tag: str) -> None:
    assert check(f"---\nlanguage: {tag}\n---\n1. Moss\n".encode(), "ada.md").errors == ()


@pytest.mark.parametrize(
    ("name", "advice"),
    [("German", "is written de here"), ("xx", "write one like en, de or pt-BR"), ("elvish", "is no language")],
)
def test_a_language_is_no_other_word(name: str, advice: str) -> None:
    (error,) = check(f"---\nlanguage: {name}\n---\n1. Moss\n".encode(), "ada.md").errors
    assert advice in error


@pytest.mark.parametrize(
    "address", [f"{'a' * 300}@example.org", f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.example.org"]
)
def test_an_address_that_no_server_takes_is_refused(address: str) -> None:
    (error,) = check(f"---\nemail: {address}\n---\n1. Moss\n".encode(), "ada.md").errors
    assert "is longer than 254 characters" in error
