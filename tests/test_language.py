"""The catalogues: complete, compiled, and with the same places to fill as the English text."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from newsletter.rendering.language import DOMAIN, LOCALE, words
from tests.builders import WEDNESDAY

ROOT = Path(__file__).parent.parent
SPOKEN = sorted(path.name for path in LOCALE.iterdir() if path.is_dir())
KEYWORDS = {"say": None, "count": (1, 2), "N_": None}
SOURCES = {
    f"newsletter/rendering/{name}.py": "python" for name in ("entries", "frame", "language", "reasons", "sentences")
} | {f"templates/digest.{end}": "jinja2" for end in ("mjml", "txt")}


def said() -> set[str]:
    """Every text of the frame, as it stands in the code and in the templates."""
    found = set()
    for name, method in SOURCES.items():
        for _, texts, _, _ in extract(method, BytesIO((ROOT / name).read_bytes()), keywords=KEYWORDS):
            found.add(texts if isinstance(texts, str) else texts[0])
    return {text for text in found if text}


def catalogue(language: str) -> dict[str, Message]:
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        messages = [message for message in read_po(file) if message.id]
    return {message.id if isinstance(message.id, str) else message.id[0]: message for message in messages}


def places(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


@pytest.mark.parametrize("language", SPOKEN)
def test_a_catalogue_says_everything_and_nothing_else(language: str) -> None:
    known = catalogue(language)
    assert set(known) == said()
    assert [key for key, message in known.items() if not message.string or not all(message.string)] == []


@pytest.mark.parametrize("language", SPOKEN)
def test_translations_fill_the_same_places(language: str) -> None:
    for key, message in catalogue(language).items():
        forms = [message.string] if isinstance(message.string, str) else message.string or ()
        for form in forms:
            assert places(form) - {"n"} == places(key) - {"n"}, key


@pytest.mark.parametrize("language", SPOKEN)
def test_the_compiled_catalogue_is_that_of_the_text(language: str) -> None:
    folder = LOCALE / language / "LC_MESSAGES"
    compiled = BytesIO()
    with (folder / f"{DOMAIN}.po").open("rb") as file:
        write_mo(compiled, read_po(file))
    assert (folder / f"{DOMAIN}.mo").read_bytes() == compiled.getvalue(), "run `make words`"


@pytest.mark.parametrize(
    ("language", "day"),
    [("en", "Wednesday 18 November"), ("de", "Mittwoch, 18. November"), ("es", "miércoles 18 de noviembre")],
)
def test_a_day_is_written_as_the_language_does(language: str, day: str) -> None:
    assert words(language).day(WEDNESDAY) == day


def test_a_span_of_days_names_the_month_once_or_each() -> None:
    assert words("en").days(WEDNESDAY.replace(day=16), WEDNESDAY) == "16 to 18 November"
    assert words("de").days(WEDNESDAY.replace(day=16), WEDNESDAY) == "16. bis 18. November"
    assert (
        words("en").days(WEDNESDAY.replace(month=10, day=30), WEDNESDAY) == "Friday 30 October to Wednesday 18 November"
    )
