"""Scores papers without a model: similarity between papers and a subscriber's topics. Calls nothing outside.

The work is in features, ranking, learned, strength and reasons, which import numpy and scipy: only when a paper is
scored, so that commands which rank nothing start without them.
"""

import math
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from newsletter.models.papers import Day, Paper
from newsletter.models.scores import Commented, Computable, Pool, Reading, Reason, Score, Scored, Scores, Strength
from newsletter.models.subscribers import Subscriber
from newsletter.scoring.remembered import Archive, Past, Remembers
from newsletter.scoring.strength import KNOWN_AT_LEAST, in_order, limited, relevance, strength, usual
from newsletter.store.vectors import VectorKind

if TYPE_CHECKING:
    from newsletter.scoring import ranking
    from newsletter.scoring.features import Corpus, Floats
    from newsletter.scoring.past import Explained
    from newsletter.scoring.ranking import Nearness
    from newsletter.scoring.vectors import Vectorised

Own = tuple[
    Past, "Floats | None", "Floats | None"
]  # said earlier, and vectors: of the topics, of the papers it was said of
KEYWORD_BOOST = 0.5  # for each included keyword of the front matter that occurs
NEXT_EXPLAINED = 10  # papers after those that fit into a mail, of which is told why they are near
SHOWN_FROM = 6  # a paper of this relevance may be shown, so that its sentence is looked for


class Similarity:
    """The scorer that needs no model; reads each pool of papers once. See models.scores.Scorer.

    `archive` gives the papers stored before a day, `past` what was said to or by a subscriber until then, `vectors`
    those of texts, where an embeddings model is set up; papers are paid for by all readers of a plan.
    """

    def __init__(
        self,
        archive: Archive = lambda _: (),
        past: Remembers = lambda *_: (),
        vectors: "Vectorised | None" = None,
    ) -> None:
        self._vectors = vectors
        self._payers: set[int] = set()
        self._archive = archive
        self._past = past
        self._read: dict[Pool, Corpus] = {}
        self._reading = threading.Lock()

    def plan(self, readings: Iterable[Reading]) -> None:
        """Keeps who reads: what vectors of papers cost is shared by all of them."""
        if self._vectors is not None:
            self._payers.update(reading.subscriber.id for reading in readings)

    def score(self, reading: Reading) -> Scores:
        """The similarity of every paper."""
        known = self._known(reading.pool, reading.date, reading.subscriber)
        return of_readings(known, [reading], [self._own(reading.subscriber, reading.date, known)])[0]

    def computable(self, subscriber: Subscriber, day: Day, pool: Pool) -> Computable:
        """The same as a computation; vectors, where an embeddings model is set up, are looked up first."""
        known = self._known(pool, day, subscriber)
        return Computable(of_readings, known, self._own(subscriber, day, known))

    def _known(self, pool: Pool, day: Day, subscriber: Subscriber) -> "Corpus":
        from newsletter.scoring.features import corpus  # noqa: PLC0415 - numpy only where something is ranked

        with self._reading:
            if pool not in self._read:
                self._read[pool] = self._with_vectors(corpus(pool.papers, self._archive(day)), day, subscriber)
            return self._read[pool]

    def _with_vectors(self, known: "Corpus", day: Day, subscriber: Subscriber) -> "Corpus":
        if self._vectors is None:
            return known
        from newsletter.scoring.vectors import text_of  # noqa: PLC0415 - only where there are vectors

        texts = [text_of(paper) for paper in known.papers]
        payers = sorted(self._payers | {subscriber.id})
        return replace(known, vectors=self._vectors(texts, "paper", payers, day))

    def _own(self, subscriber: Subscriber, day: Day, known: "Corpus") -> "Own":
        """What a reader adds: the past, and vectors of the topics and of what was said earlier, where there are any."""
        past = self._past(subscriber, day)
        if self._vectors is None or known.vectors is None:
            return past, None, None
        from newsletter.scoring.past import teaching  # noqa: PLC0415
        from newsletter.scoring.ranking import topics_texts  # noqa: PLC0415
        from newsletter.scoring.vectors import text_of  # noqa: PLC0415

        topics = self._paid(topics_texts(subscriber.topics), "topics", subscriber, day, known)
        earlier = [text_of(paper) for paper in teaching(past)]
        return past, topics, self._paid(earlier, "paper", subscriber, day, known) if past else None

    def _paid(
        self, texts: Sequence[str], kind: VectorKind, subscriber: Subscriber, day: Day, known: "Corpus"
    ) -> "Floats | None":
        """Vectors that one reader pays for; None where they are of no use, or of another length than the papers'."""
        if self._vectors is None or known.vectors is None:
            return None
        found = self._vectors(texts, kind, [subscriber.id], day)
        return found if found is not None and found.shape[1] == known.vectors.shape[1] else None

    def explain(self, subscriber: Subscriber, day: Day) -> "Explained | None":
        """What was learned of a subscriber until a day: words and papers that count; None where there is nothing."""
        past = self._past(subscriber, day)
        if not past:
            return None
        from newsletter.scoring.features import corpus  # noqa: PLC0415
        from newsletter.scoring.past import explained  # noqa: PLC0415

        return explained(past, corpus([said.paper for said in past], self._archive(day)))

    def comment(self, reading: Reading, shown: Sequence[Scored]) -> Commented:  # noqa: ARG002 - reasons say it all
        """The papers as they are: their reasons are facts, worded where they are shown."""
        return Commented(tuple(shown))


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for one reader: how near some papers are.

    `vectors` are those of the topics, `earlier` those of the papers that the past is learned from.
    """

    subscriber: Subscriber
    papers: Sequence[Paper]
    past: Past = ()
    vectors: "Floats | None" = None
    earlier: "Floats | None" = None


def of_readings(known: "Corpus", readings: Sequence[Reading], own: Sequence["Own"]) -> list[Scores]:
    """The scores of several readers, each with what that reader adds."""
    return score(
        [Ask(reading.subscriber, reading.papers, *each) for reading, each in zip(readings, own, strict=True)], known
    )


def score(asks: Sequence[Ask], known: "Corpus") -> list[Scores]:
    """Scores every paper for every reader; `known` must hold all papers. Readers do not change each other's scores."""
    import numpy as np  # noqa: PLC0415 - only where something is ranked

    from newsletter.scoring import ranking  # noqa: PLC0415
    from newsletter.scoring.past import pull, taught  # noqa: PLC0415

    of = ranking.wanted([ask.subscriber.topics for ask in asks], known)
    asked = []
    for ask, topics in zip(asks, of, strict=True):
        rows = known.rows(ask.papers)
        boost = _boost(ask) + pull(ask.past, rows, known)
        learned = taught(ask.past, known, ask.earlier)
        asked.append(ranking.Asked(topics, np.array(rows, np.intp), boost, learned, ask.vectors))
    found = ranking.nearness(asked, known)
    return [_scores(ask, at, near, known) for ask, at, near in zip(asks, asked, found, strict=True)]


def _scores(ask: Ask, asked: "ranking.Asked", near: "Nearness", known: "Corpus") -> Scores:
    if not ask.papers:
        return Scores(scored=(), scorer="local")
    from newsletter.scoring.past import expected, liked  # noqa: PLC0415

    subscriber, threshold = ask.subscriber, ask.subscriber.wishes.min_relevance
    alike = liked(ask.past, asked.places.tolist(), known)
    is_found = [
        bool(ask.vectors is not None or topic >= 0 or boost or likes)
        for topic, boost, likes in zip(near.topic.tolist(), asked.boost.tolist(), alike, strict=True)
    ]
    grades = _graded(near, is_found)
    if known.archived >= KNOWN_AT_LEAST:
        passing = expected(ask.past, asked.of, near, known)
        most = usual(grades) if passing is None else min(passing, sum(is_found))
        grades = limited(grades, near.value.tolist(), most)
    why = _Why(ask, asked, near, known)
    low, high = float(near.value.min()), float(near.value.max())
    span = high - low if high > low else math.inf
    values, topics = near.value.tolist(), subscriber.topics.topics
    scored = []
    for place, (paper, grade, best) in enumerate(zip(ask.papers, grades, near.topic.tolist(), strict=True)):
        topic = topics[best] if best >= 0 else None
        reason = why.bare(best, strength(grade, threshold))
        if place in why.explained or alike[place]:
            reason = why.explain(place, reason, alike[place], is_quoted=grade >= min(threshold, SHOWN_FROM))
        score = Score(grade, topic=topic.name if topic else "", local=round((values[place] - low) / span, 6))
        scored.append(Scored(paper, score, reason=reason))
    return Scores(scored=tuple(scored), scorer="local")


class _Why:
    """Why the papers of one reader are near; the best ones with their words."""

    def __init__(self, ask: Ask, asked: "ranking.Asked", near: "Nearness", known: "Corpus") -> None:
        from newsletter.scoring.ranking import topics_read  # noqa: PLC0415
        from newsletter.scoring.reasons import quotable  # noqa: PLC0415

        count = ask.subscriber.wishes.max_papers + NEXT_EXPLAINED
        self.explained = set((-near.value).argsort(kind="stable")[:count].tolist())
        self._topics, self._best, self._rows = ask.subscriber.topics.topics, near.topic.tolist(), asked.places.tolist()
        self._day = quotable(known)
        self._alike = self._day.alike(asked.of.words[: asked.of.topics])
        self._rarities = [known.space.rarities(text) for text in topics_read(ask.subscriber.topics)[: asked.of.topics]]
        self._bare: dict[tuple[int, Strength], Reason] = {}

    def bare(self, best: int, how: Strength) -> Reason:
        """Topic and strength alone: the same for many papers."""
        if (best, how) not in self._bare:
            self._bare[best, how] = Reason(self._topics[best].number if best >= 0 else 0, strength=how)
        return self._bare[best, how]

    def explain(self, place: int, bare: Reason, liked: tuple[str, ...], *, is_quoted: bool) -> Reason:
        """The same with the topic's rarest words that the paper has, and the sentence closest to the topic."""
        row, best = self._rows[place], self._best[place]
        if best < 0:
            return replace(bare, liked=liked)
        sentence = self._day.closest(row, self._alike[best]) if is_quoted else ""
        return Reason(bare.topic, sentence, self._day.telling(row, self._rarities[best]), liked, bare.strength)


def _boost(ask: Ask) -> "Floats":
    import numpy as np  # noqa: PLC0415 - only where something is ranked

    keywords = ask.subscriber.wishes.keywords.include
    found = (KEYWORD_BOOST * sum(_contains(paper, word) for word in keywords) for paper in ask.papers)
    return np.fromiter(found, np.float32, len(ask.papers)) if keywords else np.zeros(len(ask.papers), np.float32)


def _graded(near: "Nearness", found: Sequence[bool]) -> list[int]:
    """A relevance for each paper, in the order of their values; 1 where nothing was found."""
    given = [
        relevance(float(near.judged[place]), float(near.shared[place])) if known else 1
        for place, known in enumerate(found)
    ]
    return in_order(near.value.tolist(), given, found)


def _contains(paper: Paper, keyword: str) -> bool:
    text = f"{paper.shown.title} {paper.shown.abstract}".casefold()
    return re.search(rf"(?<!\w){re.escape(keyword.casefold())}(?!\w)", text) is not None
