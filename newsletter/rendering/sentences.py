"""Decides which sentences of an abstract tell what is new, and which of its addresses lead to code. Calls nothing."""

import re

from newsletter.rendering.language import N_

CODE, PROJECT = N_("code"), N_("project")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“\"(])")
_ABBREVIATED = re.compile(r"(?:\b(?:e\.g|i\.e|cf|vs|et al|Fig|Eq|resp|Sec|approx)|\b[A-Z])\.$")
_OWN_WORK = re.compile(r"\bwe\b|\bour\b|\bthis (paper|work|article|study|letter|thesis|survey|report)\b", re.IGNORECASE)
_FOUND = re.compile(
    r"\b(show|prove|find|found|propose|introduce|present|demonstrate|derive|develop|establish|reveal|improve|achieve|"
    r"outperform|discover|measure)\w*\b",
    re.IGNORECASE,
)
_FORGES = r"(?:github\.com|gitlab\.com|codeberg\.org|bitbucket\.org)"
_HOMES = r"(?:huggingface\.co|zenodo\.org|osf\.io|[a-z0-9-]+\.github\.io)"
_ADDRESS = re.compile(rf"https?://(?:www\.)?((?P<forge>{_FORGES})|{_HOMES})(?P<path>/[\w./~%-]*)?", re.IGNORECASE)


def sentences(text: str) -> list[str]:
    """The sentences of a text on one line; abbreviations end none."""
    found: list[str] = []
    for piece in _SENTENCE_END.split(text):
        if found and _ABBREVIATED.search(found[-1]):
            found[-1] += f" {piece}"
        else:
            found.append(piece)
    return found


def telling(abstract: str, length: int, said: str = "") -> str:
    """The sentences that tell what was done and found, as they stand, in their order and within `length` characters.

    At least one, however long; what stands in `said` already is left out. Skipped sentences leave an ellipsis.
    """
    all_of = sentences(abstract)
    new = [i for i, sentence in enumerate(all_of) if sentence and sentence.removesuffix(".") not in said]
    chosen: list[int] = []
    room = length
    for i in sorted(new, key=lambda i: (len(all_of[i]) > 1.5 * length, -_weight(all_of[i]), i)):
        if not chosen or len(all_of[i]) < room:
            chosen.append(i)
            room -= len(all_of[i]) + 1
    chosen.sort()
    gap = (" … " if i and chosen[i - 1] + 1 < place else " " for i, place in enumerate(chosen))
    return "".join(f"{mark}{all_of[place]}" for mark, place in zip(gap, chosen, strict=True)).strip()


def shortened(text: str, length: int) -> str:
    """The text, or its beginning up to a word's end with an ellipsis, in at most `length` characters."""
    if len(text) <= length:
        return text
    start = text[: length - 1]
    at_word = start.rpartition(" ")[0]
    return (at_word if len(at_word) > length // 2 else start).rstrip(" ,;:.–—-") + "…"


def addresses(*texts: str) -> tuple[tuple[str, str], ...]:
    """The first code and the first project page that texts name, as ("code", URL), at well-known hosts only."""
    found: dict[str, str] = {}
    for text in texts:
        for match in _ADDRESS.finditer(text):
            path = (match["path"] or "").rstrip("./")
            if path or not match["forge"]:
                found.setdefault(CODE if match["forge"] else PROJECT, f"https://{match[1].lower()}{path}")
    return tuple(sorted(found.items()))


def _weight(sentence: str) -> int:
    return 2 * bool(_OWN_WORK.search(sentence)) + bool(_FOUND.search(sentence))
