"""Decides scores without a model: similarity between a paper's words and a subscriber's topics. Calls nothing.

TF-IDF with stemmed words over the papers of the day; a paper's similarity is that of its best topic, plus a little of
the mean over all topics, minus a share of its similarity with what the topics call irrelevant. The relevance that
comes of it is a place in the day's order, not an opinion, and the comment says so.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import snowballstemmer

from newsletter.candidates import followed_authors
from newsletter.models import Paper, Score, Scored, Scores, Subscriber, Topics

TITLE_WEIGHT = 2  # a word of the title counts as often as two of the abstract
MEAN_WEIGHT = 0.5
IRRELEVANT_WEIGHT = 0.25
KEYWORD_BOOST = 0.05  # for each included keyword of the front matter that occurs
# The best 8 % of the candidates reach 7: (share of the candidates, relevance).
QUANTILES = ((0.005, 10), (0.02, 9), (0.04, 8), (0.08, 7), (0.15, 6), (0.25, 5), (0.4, 4), (0.6, 3), (0.8, 2))
WORDS_SHOWN = 5
NOT_READ = "Ranked by similarity; no language model read this paper."

_WORD = re.compile(r"[^\W\d_]{2,}")
_STOP = frozenset(
    "a about above after all also although among an and any are as at avoid based be because been both but by can "
    "could do does due each either etc even few focus focuses for from further had has have he her here his how "
    "however i if in including into irrelevant is it its itself just keep like mainly many may might more most "
    "must new no nor not novel of off on one only or other our out over own paper papers particularly propose "
    "proposed proposes provide relevant same see shall should show shows since so some study such than that the "
    "their them then there these they this those through to too topic topics toward under until up upon use used "
    "uses using very via was we well were what when where whether which while who why will with within without "
    "work works would you your".split()
)
_stemmer = snowballstemmer.stemmer("english")


@cache
def _stem(word: str) -> str:
    return str(_stemmer.stemWord(word))


@dataclass(frozen=True, slots=True)
class Index:
    """The words of some papers: who holds which stem with which weight (vectors of length 1), and how rare it is."""

    positions: Mapping[str, int]
    postings: Mapping[str, Sequence[tuple[int, float]]]
    idf: Mapping[str, float]


def index(papers: Iterable[Paper]) -> Index:
    """Indexes the papers of a day once, for all subscribers."""
    positions: dict[str, int] = {}
    counts: list[Counter[str]] = []
    for paper in papers:
        if _identity(paper) in positions:
            continue
        positions[_identity(paper)] = len(counts)
        shown = paper.shown
        count = Counter(_stems(shown.abstract))
        for stem in _stems(shown.title):
            count[stem] += TITLE_WEIGHT
        counts.append(count)
    documents = Counter(stem for count in counts for stem in count)
    idf = {stem: math.log((1 + len(counts)) / (1 + n)) + 1 for stem, n in documents.items()}
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for position, count in enumerate(counts):
        for stem, weight in _unit({stem: (1 + math.log(n)) * idf[stem] for stem, n in count.items()}).items():
            postings[stem].append((position, weight))
    return Index(positions, postings, idf)


def score(subscriber: Subscriber, papers: Sequence[Paper], words: Index) -> Scores:
    """Scores every paper; those without any matching word get relevance 1. `words` must index all of them."""
    topics, wishes = subscriber.topics, subscriber.wishes
    wanted = [_vector(f"{topic.name} {topic.name} {topic.relevant}", words) for topic in topics.topics]
    by_topic = [_similarities(vector, words) for vector in wanted]
    keywords = _similarities(_vector(" ".join(topics.relevant_keywords), words), words)
    unwanted = _similarities(_vector(_unwanted(topics), words), words)
    similar: list[float] = []
    best_topics: list[int] = []
    for paper in papers:
        position = words.positions[_identity(paper)]
        each = [similarity[position] for similarity in by_topic]
        best = max(range(len(each)), key=each.__getitem__)
        value = each[best] + MEAN_WEIGHT * sum(each) / len(each) + MEAN_WEIGHT * keywords[position]
        if value > 0:
            value -= IRRELEVANT_WEIGHT * unwanted[position]
        value += KEYWORD_BOOST * sum(_contains(paper, keyword) for keyword in wishes.keywords.include)
        similar.append(value)
        best_topics.append(best)
    relevances = _relevances(similar)
    top = max(similar, default=0.0) or 1.0
    scored = []
    for paper, value, best, relevance in zip(papers, similar, best_topics, relevances, strict=True):
        matched = value > 0
        followed = followed_authors(paper, wishes.authors)
        scored.append(
            Scored(
                paper,
                Score(
                    relevance=relevance,
                    topic=topics.topics[best].name if matched else "",
                    comment=_comment(paper, wanted[best] if matched else {}, followed),
                    local=max(0.0, min(1.0, value / top)),
                ),
            )
        )
    return Scores(scored=tuple(scored), scorer="local")


def _relevances(similar: Sequence[float]) -> list[int]:
    order = sorted(range(len(similar)), key=lambda i: -similar[i])
    relevances = [1] * len(similar)
    for rank, i in enumerate(order):
        share = (rank + 0.5) / len(similar)
        if similar[i] > 0:
            relevances[i] = next((relevance for limit, relevance in QUANTILES if share < limit), 1)
    return relevances


def _comment(paper: Paper, vector: Mapping[str, float], followed: Sequence[str]) -> str:
    parts = [f"By {', '.join(followed)}, whom you follow."] if followed else []
    found: dict[str, str] = {}
    for word in _WORD.findall(f"{paper.shown.title} {paper.shown.abstract}"):
        stem = _stem(word.lower())
        if stem in vector:
            found.setdefault(stem, word.lower())
    best = sorted(found, key=lambda stem: -vector[stem])[:WORDS_SHOWN]
    if best:
        parts.append(f"Matching words: {', '.join(found[stem] for stem in best)}.")
    return " ".join([*parts, NOT_READ])


def _unwanted(topics: Topics) -> str:
    return " ".join([*(topic.irrelevant for topic in topics.topics), *topics.irrelevant_keywords])


def _contains(paper: Paper, keyword: str) -> bool:
    text = f"{paper.shown.title} {paper.shown.abstract}".casefold()
    return re.search(rf"(?<!\w){re.escape(keyword.casefold())}(?!\w)", text) is not None


def _similarities(vector: Mapping[str, float], words: Index) -> list[float]:
    result = [0.0] * len(words.positions)
    for stem, weight in vector.items():
        for position, held in words.postings.get(stem, ()):
            result[position] += weight * held
    return result


def _vector(text: str, words: Index) -> dict[str, float]:
    counts = Counter(_stems(text))
    return _unit({stem: (1 + math.log(n)) * words.idf[stem] for stem, n in counts.items() if stem in words.idf})


def _unit(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
    return {stem: value / length for stem, value in vector.items()}


def _stems(text: str) -> list[str]:
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP]


def _identity(paper: Paper) -> str:
    return f"{paper.source}:{paper.id}v{paper.version}"
