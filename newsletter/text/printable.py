"""Decides which characters of a source's text are kept; calls nothing."""

import unicodedata


def printable(text: str) -> str:
    """Without control characters, lone surrogates and characters that XML forbids; ends trimmed."""
    if text.isprintable():
        return text.strip()
    kept = (c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cn") else " " for c in text)
    return "".join(kept).strip()


def one_line(text: str) -> str:
    """Printable text with every run of white space as one blank."""
    if text.isprintable() and "  " not in text:  # nearly always, and twice as fast
        return text.strip()
    return " ".join(printable(text).split())
