"""Decides how the frame of an email speaks: one catalogue per language, its dates and its lists.

The catalogues are gettext's, in newsletter/locale; a language without one is spoken to in English.
"""

import gettext
import re
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

DOMAIN = "newsletter"
LOCALE = Path(__file__).parent.parent / "locale"
ENGLISH = "en"
_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z0-9]{2,8}))?")  # as much of RFC 5646 as catalogues have


def N_(text: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Marks a text for the catalogue where it is not yet spoken."""
    return text


_WEEKDAYS = (N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"))
_MONTHS = (
    *(N_("January"), N_("February"), N_("March"), N_("April"), N_("May"), N_("June")),
    *(N_("July"), N_("August"), N_("September"), N_("October"), N_("November"), N_("December")),
)


@dataclass(frozen=True, slots=True)
class Words:
    """Speaks one language; `language` is the one spoken, not the one wished for."""

    language: str
    catalogue: gettext.NullTranslations = field(repr=False)

    def say(self, text: str, **values: Any) -> str:
        """A text of the frame, its {places} filled."""
        said = self.catalogue.gettext(text)
        return said.format(**values) if values else said

    def count(self, one: str, many: str, number: int, **values: Any) -> str:
        """The form of a text that fits a number, which fills {n}."""
        return self.catalogue.ngettext(one, many, number).format(n=number, **values)

    def day(self, day: date) -> str:
        """Wednesday 18 November."""
        say = self.say
        values = {"weekday": say(_WEEKDAYS[day.weekday()]), "day": day.day, "month": say(_MONTHS[day.month - 1])}
        return say("{weekday} {day} {month}", **values)

    def dated(self, day: date) -> str:
        """Wednesday 18 November 2026."""
        return self.say("{day} {year}", day=self.day(day), year=day.year)

    def days(self, first: date, last: date) -> str:
        """16 to 18 November, or both days in full where the month changes."""
        if (first.year, first.month) != (last.year, last.month):
            return self.say("{first} to {last}", first=self.day(first), last=self.day(last))
        month = self.say(_MONTHS[last.month - 1])
        return self.say("{first} to {last} {month}", first=first.day, last=last.day, month=month)

    def date(self, day: date) -> str:
        """18 November 2026."""
        return self.say("{day} {month} {year}", day=day.day, month=self.say(_MONTHS[day.month - 1]), year=day.year)


@cache
def words(language: str) -> Words:
    """The words of a language such as "de" or "pt-BR"; English where there is no catalogue of it."""
    tag = _TAG.fullmatch(language)
    names = [name for name in ("_".join(filter(None, tag.groups())), tag[1].lower()) if name] if tag else []
    for name in names:
        if gettext.find(DOMAIN, LOCALE, [name]):
            return Words(name.replace("_", "-"), gettext.translation(DOMAIN, LOCALE, [name]))
    return Words(ENGLISH, gettext.NullTranslations())
