"""Decides the looks that an operator chooses: the [theme] of newsletter.toml, and its colours in light and dark.

Calls nothing.
"""

from typing import ClassVar

from pydantic import Field, field_validator

from newsletter.settings import Section

PAPER, DARK_PAPER = "#ffffff", "#16181c"
PALETTE = {
    "paper": PAPER,
    "ink": "#1f2328",
    "quiet": "#59616c",
    "rule": "#d4d8de",
    "dark_paper": DARK_PAPER,
    "dark_ink": "#e9e7e3",
    "dark_quiet": "#a8aeb8",
    "dark_rule": "#41464e",
}
CONTRAST = 4.5  # WCAG 2.2 §1.4.3
_HEX = r"^#[0-9a-fA-F]{6}$"


class Theme(Section):
    """Name, colours and words of the operator's own; `logo` is text, for no email of ours loads an image."""

    section: ClassVar[str] = "theme"
    name: str = Field(default="Preprint Post", max_length=100)  # List-Id is one header line of 998 octets
    logo: str = ""
    accent: str = Field(default="#a3201d", pattern=_HEX)
    dark_accent: str = Field(default="#f2968c", pattern=_HEX)
    footer: str = ""

    @field_validator("accent")
    @classmethod
    def _reads_on_light(cls, colour: str) -> str:
        return _readable(colour, PAPER)

    @field_validator("dark_accent")
    @classmethod
    def _reads_on_dark(cls, colour: str) -> str:
        return _readable(colour, DARK_PAPER)

    @property
    def colours(self) -> dict[str, str]:
        """Every colour of the templates, by name."""
        return PALETTE | {"accent": self.accent, "dark_accent": self.dark_accent}


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two #rrggbb colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _readable(colour: str, ground: str) -> str:
    if (found := contrast(colour, ground)) < CONTRAST:
        raise ValueError(f"{colour} on {ground} has a contrast of {found:.1f}, less than {CONTRAST}: choose another")
    return colour


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
