"""Decides a first topics file from papers that somebody collected: telling phrases, gathered into topics.

A phrase tells something where it stands in several of the references and is rare among all papers. Greedily, the phrase
that covers most of the references not yet covered opens a topic; what else tells something in its references is
what the topic wants. What is frequent in papers that look alike, and stands in no reference, is what it does not want.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from newsletter.topics.references import Reference

MOST_TOPICS = 6
_PHRASES = 7  # a topic's, wanted
_UNWANTED = 4
_EXAMPLES = 2  # titles that say what a topic is better than its phrases do
_LIFT = 8  # how many times as frequent an unwanted phrase is near a topic as elsewhere
_CATEGORY_SHARE = 0.15  # of the references, for a category to be taken into the front matter
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_EDGE = frozenset(
    "a about above across after against all also although among an and any approach approaches are around as at "
    "based be because been before being between both but by can case cases compared could data demonstrate "
    "demonstrates different do does due each efficient et existing experiments few first for four from general "
    "given good has have high how however i if important improve improved in including into introduce introduces is "
    "it its large large-scale learn less like low main make many may method methods model models more most much "
    "multiple near necessary need new no non not novel number obtain of often on one only open or other our out "
    "outperforms over own paper papers part particular performance possible present presents problem problems "
    "propose proposed proposes provide provides recent recently related relevant result results same set several "
    "shared should show shows significant significantly simple since single small so some specific state state-of- "
    "the-art strong studies study such system systems task tasks than that the their them then there these they "
    "this those three through thus time to towards toward two under up upon use used user uses using various very "
    "via was way we well were what when where whether which while who why wide will with within without work works "
    "would year years yet you your".split()
)


@dataclass(frozen=True, slots=True)
class Drafted:
    """One topic of a draft: its name, what it wants and what not, and the references it covers.

    `wording` says the same in sentences, where somebody worded it.
    """

    name: str
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    papers: tuple[Reference, ...]
    wording: "Wording | None" = None

    @property
    def examples(self) -> tuple[str, ...]:
        """Titles of it; of papers that share no phrase, more of them."""
        return tuple(paper.title for paper in self.papers[: _EXAMPLES if self.wanted else _PHRASES])


@dataclass(frozen=True, slots=True)
class Wording:
    """A topic in words, each one line; `irrelevant` may be empty."""

    name: str
    relevant: str
    irrelevant: str


def draft(references: Sequence[Reference], archive: Iterable[str] = ()) -> str:
    """The body of a topics file, in Markdown; `archive` are the texts of other papers, to tell what is rare."""
    return body(topics(references, archive), references)


def body(found: Sequence[Drafted], references: Sequence[Reference]) -> str:
    """The body of a topics file with these topics, drawn from these references."""
    lines: list[str] = []
    for number, topic in enumerate(found, 1):
        said = topic.wording or Wording(topic.name, ", ".join(topic.wanted), ", ".join(topic.unwanted))
        lines.append(f"{number}. {_capital(said.name)}")
        titles = ", ".join(f"“{title}”" for title in topic.examples)
        lines.append(f"   - Relevant: {said.relevant}{'; ' if said.relevant else ''}such as {titles}")
        if said.irrelevant:
            lines.append(f"   - Irrelevant: {said.irrelevant}")
    words = _keywords(references)
    if words:
        lines += ["", "**Keywords:**", "", f"- Relevant: {', '.join(words)}"]
    return "\n".join(lines) + "\n"


def topics(references: Sequence[Reference], archive: Iterable[str] = ()) -> list[Drafted]:
    """At most MOST_TOPICS topics, those that cover most first; one without phrases where no two papers share any."""
    known = [reference for reference in references if reference.title]
    texts = [_phrases_of(reference) for reference in known]
    others = [frozenset(_ngrams(text)) for text in archive]
    common = Counter(phrase for other in others for phrase in other)
    rare = _Rarity(common, len(others))
    own = frozenset(word for text in texts for phrase in text for word in phrase.split())
    least = 1 if len(texts) < 3 else 2
    drafted: list[Drafted] = []
    used: set[str] = set()
    open_ = texts
    while open_ and len(drafted) < MOST_TOPICS and (head := _head(open_, rare, used, least)):
        mine = [text for text in open_ if head in text]
        wanted = (head, *_wanted(head, mine, rare))
        papers = tuple(item for item, text in zip(known, texts, strict=True) if text in mine)
        drafted.append(Drafted(head, wanted, _unwanted(wanted, others, common, own), papers))
        used.update(wanted)
        open_ = [text for text in open_ if head not in text]
    return drafted or [Drafted("What I collected", (), (), tuple(known))]


@dataclass(frozen=True, slots=True)
class _Rarity:
    """How much a phrase tells: more where it has several words, more where few of all papers have it."""

    common: Mapping[str, int]
    papers: int

    def __call__(self, phrase: str) -> float:
        if not self.papers:
            return (0.25, 1.0, 1.1)[phrase.count(" ")]
        rare = math.log((self.papers + 1) / (self.common.get(phrase, 0) + 1)) / math.log(self.papers + 1)
        return (0.4, 1.0, 1.1)[phrase.count(" ")] * max(0.0, rare - 0.3)


def _head(texts: Sequence[Mapping[str, int]], rare: "_Rarity", used: Collection[str], least: int) -> str:
    """The phrase that tells most of most texts, in at least so many; empty where there is none."""
    gain: Counter[str] = Counter()
    covers: Counter[str] = Counter()
    for text in texts:
        gain.update(text)
        covers.update(text.keys())
    fit = {p: n * rare(p) for p, n in gain.items() if covers[p] >= least and p not in used and rare(p) > 0}
    return min(fit, key=lambda phrase: (-fit[phrase], phrase), default="")


def _wanted(head: str, texts: Sequence[Mapping[str, int]], rare: "_Rarity") -> tuple[str, ...]:
    """What else tells something of more than one of these texts."""
    gain: Counter[str] = Counter()
    covers: Counter[str] = Counter()
    for text in texts:
        gain.update(text)
        covers.update(text.keys())
    shared = [p for p in gain if p != head and covers[p] > 1 and rare(p) > 0]
    return _distinct(sorted(shared, key=lambda p: (-gain[p] * rare(p), p)), head, _PHRASES)


def categories(found: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The categories that stand on many of the papers, the most frequent first."""
    papers = [tuple(item) for item in found if item]
    counts = Counter(category for paper in papers for category in set(paper))
    return tuple(
        category
        for category, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count >= _CATEGORY_SHARE * len(papers)
    )


def _phrases_of(reference: Reference) -> Mapping[str, int]:
    """Each phrase with its weight: three for the title and for a keyword, one for the abstract, however often."""
    found = dict.fromkeys(_ngrams(reference.abstract), 1)
    for phrase in (p for text in (reference.title, *reference.keywords) for p in _ngrams(text)):
        found[phrase] = 3
    return found


def _ngrams(text: str) -> Iterator[str]:
    """Runs of one to three words within a clause that neither begin nor end with a word that tells nothing."""
    for clause in re.split(r"[.,;:!?()\[\]\n]", text.lower()):
        words = _WORD.findall(clause)
        for start in range(len(words)):
            if not _tells(words[start]):
                continue
            for length in (1, 2, 3):
                end = start + length
                if end <= len(words) and _tells(words[end - 1]):
                    yield " ".join(words[start:end])


def _tells(word: str) -> bool:
    return len(word) > 2 and word not in _EDGE and not word.isdigit()


def _distinct(phrases: Sequence[str], head: str, most: int) -> tuple[str, ...]:
    """The first phrases of which none repeats the words of another."""
    kept: list[str] = []
    for phrase in phrases:
        words = set(phrase.split())
        if words <= set(head.split()) or any(words <= set(k.split()) or set(k.split()) <= words for k in kept):
            continue
        kept.append(phrase)
        if len(kept) == most:
            break
    return tuple(kept)


def _unwanted(
    phrases: Sequence[str], others: Sequence[frozenset[str]], common: Mapping[str, int], own: frozenset[str]
) -> tuple[str, ...]:
    """What is frequent in papers that look alike, rare elsewhere, and stands in no reference."""
    near = [other for other in others if any(phrase in other for phrase in phrases)]
    counts = Counter(p for other in near for p in other if " " in p and not own.issuperset(p.split()))
    lift = {p: n * len(others) / (common[p] * len(near)) for p, n in counts.items() if n > 2}
    ranked = sorted((p for p in lift if lift[p] > _LIFT), key=lambda p: (-counts[p] * lift[p], p))
    return _distinct(ranked, phrases[0], _UNWANTED)


def _keywords(references: Sequence[Reference]) -> list[str]:
    """Keywords that their owner's library or the papers' authors gave more than once."""
    counts = Counter(keyword.lower() for reference in references for keyword in set(reference.keywords))
    return [word for word, count in counts.most_common(12) if count > 1 or len(references) < 4]


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
