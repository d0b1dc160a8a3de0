"""Decides which sentences tell most, where a phrase ends, which addresses lead to code. Calls nothing."""

import re
from functools import lru_cache

from newsletter.rendering.language import N_

CODE, PROJECT = N_("code"), N_("project")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“\"(])")
_ABBREVIATED = re.compile(r"(?:\b(?:e\.g|i\.e|cf|vs|et al|Fig|Eq|resp|Sec|approx)|\b[A-Z])\.$")
_PAUSE = re.compile(r"[.!?…]+[”»’\"')\]]*(?=\s)|[;:](?=\s)|(?=\s[–—]\s)|[,)\]”»](?=\s)")
_OPEN, _CLOSED = re.compile(r"[(\[“«„]"), re.compile(r"[)\]”»]")
_SHORTEST = (0.4, 0.5, 0.6)  # of its length that a phrase has, by what it ends with: a sentence, a clause, less
_OWN_WORK = re.compile(r"\bwe\b|\bour\b|\bthis (paper|work|article|study|letter|thesis|survey|report)\b", re.IGNORECASE)
_FOUND = re.compile(
    r"\b(show|prove|find|found|propose|introduce|present|demonstrate|derive|develop|establish|reveal|improve|achieve|"
    r"outperform|discover|measure)\w*\b",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"https?://|\b(?:publicly |openly |freely )?available\b|\b(?:code|data) (?:is|are)\b", re.IGNORECASE
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
    all_of, weights = _weighed(abstract)
    new = [i for i, sentence in enumerate(all_of) if sentence and sentence.removesuffix(".") not in said]
    chosen: list[int] = []
    room = length
    for i in sorted(new, key=lambda i: (-weights[i], len(all_of[i]) > 2 * length, i)):
        if not chosen or len(all_of[i]) < room:
            chosen.append(i)
            room -= len(all_of[i]) + 1
    chosen.sort()
    gap = (" … " if i and chosen[i - 1] + 1 < place else " " for i, place in enumerate(chosen))
    return "".join(f"{mark}{all_of[place]}" for mark, place in zip(gap, chosen, strict=True)).strip()


def tells(sentence: str) -> bool:
    """True where a sentence of an abstract speaks of the authors' own work."""
    return bool(_OWN_WORK.search(sentence))


def shortened(text: str, length: int) -> str:
    """The text, or its beginning up to a word's end with an ellipsis, in at most `length` characters."""
    if len(text) <= length:
        return text
    start = text[: length - 1]
    at_word = start.rpartition(" ")[0]
    return (at_word if len(at_word) > length // 2 else start).rstrip(" ,;:.–—-") + "…"


@lru_cache(maxsize=8192)  # many readers see a paper's same sentence
def phrase(text: str, length: int) -> str:
    """The text, or a whole phrase of its beginning, in about `length` characters; an ellipsis where more would follow.

    It ends where a sentence does, else a clause: at the last such place within `length`, else at the first one after
    it. Only a text of twice the length without any is cut at a word.
    """
    if len(text) <= length:
        return text
    pauses = _PAUSE.finditer(text, int(min(_SHORTEST) * length), 2 * length + 1)
    ends = [(_rank(found[0]), found.end()) for found in pauses]
    within = [(rank, at) for rank, at in ends if _SHORTEST[rank] * length <= at <= length]
    beyond = [end for end in ends if length < end[1] <= 2 * length]
    for rank, at in (*sorted(within, key=lambda end: (end[0], -end[1])), *beyond):
        if _is_whole(text[:at]):
            return text[:at] if rank == 0 or at == len(text) else text[:at].rstrip(" ,;:–—") + "…"
    return shortened(text, 2 * length)


def _rank(pause: str) -> int:
    """0 ends a sentence, 1 a clause, 2 less than that."""
    if pause[:1] in tuple(".!?…"):
        return 0
    return 1 if pause in {";", ":", ""} else 2


def _is_whole(start: str) -> bool:
    """No bracket or quotation is open, and the point is not that of an abbreviation."""
    return len(_OPEN.findall(start)) <= len(_CLOSED.findall(start)) and not _ABBREVIATED.search(start)


def addresses(*texts: str) -> tuple[tuple[str, str], ...]:
    """The first code and the first project page that texts name, as ("code", URL), at well-known hosts only."""
    found: dict[str, str] = {}
    for text in texts:
        for match in _ADDRESS.finditer(text):
            path = (match["path"] or "").rstrip("./")
            if path or not match["forge"]:
                found.setdefault(CODE if match["forge"] else PROJECT, f"https://{match[1].lower()}{path}")
    return tuple(sorted(found.items()))


@lru_cache(maxsize=8192)  # a day's abstracts are the same for all readers
def _weighed(abstract: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The sentences of an abstract, and how much each one tells."""
    all_of = tuple(sentences(abstract))
    return all_of, tuple(map(_weight, all_of))


def _weight(sentence: str) -> int:
    if _ELSEWHERE.search(sentence):
        return -1
    return 2 * bool(_OWN_WORK.search(sentence)) + bool(_FOUND.search(sentence))
