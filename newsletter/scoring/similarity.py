"""Decides scores without a model: similarity between a paper's words and a subscriber's topics. Calls nothing.

TF-IDF with stemmed words over the papers of the day; a paper's similarity is that of its best topic, plus a little of
the mean over all topics, minus a share of its similarity with what the topics call irrelevant. The ten best papers then
speak for the topics as well, which finds those that say the same in other words (pseudo-relevance feedback: Rocchio
1971; Manning, Raghavan, Schütze, Introduction to Information Retrieval, §9.1.6). Where earlier judgements are known,
what was learned from them counts too. The relevance that comes of it is a place in the day's order, not an opinion.
"""

import math
import re
import threading
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from statistics import fmean, pstdev

import snowballstemmer

from newsletter.models.papers import Paper
from newsletter.models.scores import Commented, Pool, Reading, Reason, Score, Scored, Scores, Strength
from newsletter.models.subscribers import Subscriber, Topics
from newsletter.scoring.learned import NOTHING_LEARNED, Learned, dot

TITLE_WEIGHT = 2  # a word of the title counts as often as two of the abstract
MEAN_WEIGHT = 0.5
IRRELEVANT_WEIGHT = 0.25
FEEDBACK_PAPERS = 10
FEEDBACK_WORDS = 100
FEEDBACK_WEIGHT = 1.0
LEARNING_HALF = 20  # with so many relevant papers in the history, it counts as much as the topics
KEYWORD_BOOST = 0.05  # for each included keyword of the front matter that occurs
# The best 0.5 % of the candidates have relevance 10, the best 2 % at least 9, the best 8 % at least 7 ...
SHARES = (0.005, 0.02, 0.04, 0.08, 0.15, 0.25, 0.4, 0.6, 0.8)
RELEVANCES = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
BEST_OF_THE_DAY = 7  # at least; else a reader with six candidates a day would never see one
WORDS_SHOWN = 5
CLOSE = 9  # this relevance is a close match

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


Vector = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Index:
    """The words of some papers: each paper's stems with their weights (a vector of length 1) and as the paper writes
    them, who holds which stem, and how rare it is."""

    positions: Mapping[str, int]
    vectors: Sequence[Vector]
    spellings: Sequence[Mapping[str, str]]
    postings: Mapping[str, Sequence[tuple[int, float]]]
    idf: Mapping[str, float]

    def vector(self, paper: Paper) -> Vector:
        """The words of any paper, weighted as in this index; a stem that no indexed paper holds counts nothing."""
        position = self.positions.get(_identity(paper))
        return _weighted(_read(paper)[0], self.idf) if position is None else self.vectors[position]


class Similarity:
    """The scorer that needs no model; indexes each pool of papers once. See models.scores.Scorer."""

    def __init__(self) -> None:
        self._indexed: dict[Pool, Index] = {}
        self._indexing = threading.Lock()

    def plan(self, readings: Iterable[Reading]) -> None:
        """Nothing is shared but the index; the readings are not even looked at."""

    def score(self, reading: Reading) -> Scores:
        """The similarity of every paper."""
        with self._indexing:
            if reading.pool not in self._indexed:
                self._indexed[reading.pool] = index(reading.pool.papers)
        return score(reading.subscriber, reading.papers, self._indexed[reading.pool])

    def comment(self, reading: Reading, shown: Sequence[Scored]) -> Commented:  # noqa: ARG002 - reasons say it all
        """The papers as they are: their reasons are facts, worded where they are shown."""
        return Commented(tuple(shown))


def index(papers: Iterable[Paper]) -> Index:
    """Indexes the papers of a day once, for all subscribers."""
    distinct = {_identity(paper): paper for paper in papers}
    read = [_read(paper) for paper in distinct.values()]
    counts = [count for count, _ in read]
    documents = Counter(stem for count in counts for stem in count)
    idf = {stem: math.log((1 + len(counts)) / (1 + n)) + 1 for stem, n in documents.items()}
    vectors = [_weighted(count, idf) for count in counts]
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for position, vector in enumerate(vectors):
        for stem, weight in vector.items():
            postings[stem].append((position, weight))
    positions = {identity: position for position, identity in enumerate(distinct)}
    return Index(positions, vectors, [spelling for _, spelling in read], postings, idf)


def score(subscriber: Subscriber, papers: Sequence[Paper], words: Index, learned: Learned = NOTHING_LEARNED) -> Scores:
    """Scores every paper; those without any matching word get relevance 1. `words` must index all of them."""
    topics, wishes = subscriber.topics, subscriber.wishes
    positions = [words.positions[_identity(paper)] for paper in papers]
    wanted = [_query(f"{topic.name} {topic.relevant}", words) for topic in topics.topics]
    telling = [sorted(vector, key=lambda stem, v=vector: -v[stem]) for vector in wanted]  # type: ignore[misc]
    by_topic = list(zip(*(_similarities(vector, words) for vector in wanted), strict=True))
    keywords = _similarities(_query(" ".join(topics.relevant_keywords), words), words)
    unwanted = _similarities(_query(_unwanted(topics), words), words)
    best_topics = []
    similar = []
    for paper, position in zip(papers, positions, strict=True):
        each = by_topic[position]
        best_topics.append(each.index(max(each)))
        value = max(each) + MEAN_WEIGHT * (sum(each) / len(each) + keywords[position])
        value -= IRRELEVANT_WEIGHT * unwanted[position] if value > 0 else 0
        similar.append(value + KEYWORD_BOOST * sum(_contains(paper, word) for word in wishes.keywords.include))
    matched = [value > 0 for value in similar]
    similar = _with_feedback(similar, positions, words)
    if learned.evidence:
        similar = _with_learned(similar, [dot(learned.weights, words.vectors[p]) for p in positions], learned.evidence)
    relevances = _relevances(similar, matched)
    low, high = min(similar, default=0.0), max(similar, default=1.0)
    scored = tuple(
        Scored(
            paper,
            Score(
                relevance=relevance,
                topic=topics.topics[best].name if found else "",
                local=(value - low) / (high - low) if high > low else 0.0,
            ),
            reason=Reason(
                topic=topics.topics[best].number if found else 0,
                words=_telling(words.spellings[position], telling[best]) if found else (),
                strength=_strength(relevance, wishes.min_relevance),
            ),
        )
        for paper, position, value, best, relevance, found in zip(
            papers, positions, similar, best_topics, relevances, matched, strict=True
        )
    )
    return Scores(scored=scored, scorer="local")


def _with_feedback(similar: Sequence[float], positions: Sequence[int], words: Index) -> list[float]:
    """The similarities, raised by what each paper shares with the ten most similar ones."""
    best = sorted(range(len(similar)), key=lambda i: -similar[i])[:FEEDBACK_PAPERS]
    total: Counter[str] = Counter()
    for i in best:
        if similar[i] > 0:
            total.update(words.vectors[positions[i]])
    shared = _similarities(_unit(dict(total.most_common(FEEDBACK_WORDS))), words)
    return [value + FEEDBACK_WEIGHT * shared[position] for value, position in zip(similar, positions, strict=True)]


def _with_learned(similar: Sequence[float], learned: Sequence[float], evidence: float) -> list[float]:
    """Both on one scale, mixed by how much there was to learn from."""
    share = evidence / (evidence + LEARNING_HALF)
    return [(1 - share) * a + share * b for a, b in zip(_standard(similar), _standard(learned), strict=True)]


def _standard(values: Sequence[float]) -> list[float]:
    if len(values) < 2:
        return [0.0 for _ in values]
    mean, deviation = fmean(values), pstdev(values) or 1.0
    return [(value - mean) / deviation for value in values]


def _relevances(similar: Sequence[float], matched: Sequence[bool]) -> list[int]:
    order = sorted(range(len(similar)), key=lambda i: -similar[i])
    relevances = [1] * len(similar)
    for rank, i in enumerate(order):
        share = (rank + 0.5) / len(similar)
        if matched[i]:
            relevances[i] = RELEVANCES[bisect_right(SHARES, share)]
            if rank == 0:
                relevances[i] = max(relevances[i], BEST_OF_THE_DAY)
    return relevances


def _telling(spelling: Mapping[str, str], telling: Iterable[str]) -> tuple[str, ...]:
    """The topic's most telling words that the paper uses, as the paper writes them."""
    return tuple(islice((spelling[stem] for stem in telling if stem in spelling), WORDS_SHOWN))


def _strength(relevance: int, threshold: int) -> Strength:
    if relevance < threshold:
        return Strength.NEAR
    return Strength.CLOSE if relevance >= CLOSE else Strength.MATCH


def _unwanted(topics: Topics) -> str:
    return " ".join([*(topic.irrelevant for topic in topics.topics), *topics.irrelevant_keywords])


def _contains(paper: Paper, keyword: str) -> bool:
    text = f"{paper.shown.title} {paper.shown.abstract}".casefold()
    return re.search(rf"(?<!\w){re.escape(keyword.casefold())}(?!\w)", text) is not None


def _similarities(vector: Vector, words: Index) -> list[float]:
    result = [0.0] * len(words.positions)
    for stem, weight in vector.items():
        for position, held in words.postings.get(stem, ()):
            result[position] += weight * held
    return result


def _query(text: str, words: Index) -> Vector:
    return _weighted(Counter(map(_stem, _words(text))), words.idf)


def _read(paper: Paper) -> tuple[Counter[str], dict[str, str]]:
    """How often a paper holds each stem, and the word that it first stands for."""
    counts: Counter[str] = Counter()
    spelling: dict[str, str] = {}
    for text, weight in ((paper.shown.title, TITLE_WEIGHT), (paper.shown.abstract, 1)):
        for word in _words(text):
            stem = _stem(word)
            counts[stem] += weight
            spelling.setdefault(stem, word)
    return counts, spelling


def _weighted(counts: Mapping[str, int], idf: Mapping[str, float]) -> Vector:
    return _unit({stem: (1 + math.log(n)) * idf[stem] for stem, n in counts.items() if stem in idf})


def _unit(vector: Vector) -> Vector:
    length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
    return {stem: value / length for stem, value in vector.items()}


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _STOP]


def _identity(paper: Paper) -> str:
    return f"{paper.source}:{paper.id}v{paper.version}"
