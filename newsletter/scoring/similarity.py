"""Scores papers without a model: similarity between papers and a subscriber's topics. Calls nothing outside.

The work is in features, ranking, learned, strength and reasons, which import numpy and scipy: only when a paper is
scored, so that commands which rank nothing start without them.
"""

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.models.papers import Day, Paper
from newsletter.models.scores import Commented, Pool, Reading, Reason, Score, Scored, Scores
from newsletter.models.subscribers import Subscriber
from newsletter.scoring.remembered import Archive, Past, Remembers
from newsletter.scoring.strength import in_order, limited, relevance, strength

if TYPE_CHECKING:
    from newsletter.scoring.features import Corpus, Floats
    from newsletter.scoring.past import Explained
    from newsletter.scoring.ranking import Nearness
    from newsletter.scoring.vectors import Vectorised

KEYWORD_BOOST = 0.5  # for each included keyword of the front matter that occurs
NEXT_QUOTED = 10  # papers after those that fit into a mail, whose closest sentence is looked for
EXPLAINED = 100  # papers, the best ones, whose words are told
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
        from newsletter.scoring.features import corpus  # noqa: PLC0415 - numpy only where something is ranked

        with self._reading:
            if reading.pool not in self._read:
                self._read[reading.pool] = self._with_vectors(
                    corpus(reading.pool.papers, self._archive(reading.date)), reading
                )
        known = self._read[reading.pool]
        past = self._past(reading.subscriber, reading.date)
        return score(reading.subscriber, reading.papers, known, past, self._topics(reading, known))

    def _with_vectors(self, known: "Corpus", reading: Reading) -> "Corpus":
        if self._vectors is None:
            return known
        from newsletter.scoring.vectors import text_of  # noqa: PLC0415 - only where there are vectors

        payers = sorted(self._payers | {reading.subscriber.id})
        return replace(
            known, vectors=self._vectors([text_of(paper) for paper in known.papers], "paper", payers, reading.date)
        )

    def _topics(self, reading: Reading, known: "Corpus") -> "Floats | None":
        """The vectors of a reader's topics; None where they are of no use, or of another length than the papers'."""
        if self._vectors is None or known.vectors is None:
            return None
        from newsletter.scoring.ranking import topics_texts  # noqa: PLC0415

        texts = topics_texts(reading.subscriber.topics)
        found = self._vectors(texts, "topics", [reading.subscriber.id], reading.date)
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


def score(
    subscriber: Subscriber,
    papers: Sequence[Paper],
    words: "Corpus",
    past: Past = (),
    vectors: "Floats | None" = None,
) -> Scores:
    """Scores every paper; `words` must hold all of them. `vectors` are those of the topics."""
    import numpy as np  # noqa: PLC0415 - only where something is ranked

    from newsletter.scoring.past import expected, liked, pull, taught  # noqa: PLC0415
    from newsletter.scoring.ranking import nearness  # noqa: PLC0415
    from newsletter.scoring.reasons import closest_sentence, telling_words  # noqa: PLC0415

    if not papers:
        return Scores(scored=(), scorer="local")
    rows = words.rows(papers)
    keywords, threshold = subscriber.wishes.keywords.include, subscriber.wishes.min_relevance
    boost = np.array([KEYWORD_BOOST * sum(_contains(paper, word) for word in keywords) for paper in papers], np.float32)
    near = nearness(subscriber, rows, words, taught(past, words), boost + pull(past, rows, words), vectors=vectors)
    alike = liked(past, rows, words)
    low, high = float(near.value.min()), float(near.value.max())
    best_first = np.argsort(-near.value, kind="stable")
    most_shown = subscriber.wishes.max_papers + NEXT_QUOTED
    quoted = set(best_first[:most_shown].tolist())
    explained = set(best_first[: max(EXPLAINED, most_shown)].tolist())
    found = [
        bool(vectors is not None or near.topic[place] >= 0 or boost[place] or alike[place])
        for place in range(len(papers))
    ]
    grades = _graded(near, found, expected(subscriber, past, words, near.cold))
    scored = []
    for place, paper in enumerate(papers):
        best = int(near.topic[place])
        grade = grades[place]
        topic = subscriber.topics.topics[best] if best >= 0 else None
        is_quoted = place in quoted and grade >= min(threshold, SHOWN_FROM)
        scored.append(
            Scored(
                paper,
                Score(
                    relevance=grade,
                    topic=topic.name if topic else "",
                    local=round((float(near.value[place]) - low) / (high - low), 6) if high > low else 0.0,
                ),
                reason=Reason(
                    topic=topic.number if topic else 0,
                    sentence=closest_sentence(paper, topic, words.space) if topic and is_quoted else "",
                    words=telling_words(paper, topic, words.space) if topic and place in explained else (),
                    liked=alike[place],
                    strength=strength(grade, threshold),
                ),
            )
        )
    return Scores(scored=tuple(scored), scorer="local")


def _graded(near: "Nearness", found: Sequence[bool], passing: int | None) -> list[int]:
    """A relevance for each paper, in the order of their values; 1 where nothing was found. At most `passing` pass."""
    given = [
        relevance(float(near.judged[place]), float(near.shared[place])) if known else 1
        for place, known in enumerate(found)
    ]
    grades = in_order(near.value.tolist(), given, found)
    return grades if passing is None else limited(grades, near.value.tolist(), min(passing, sum(found)))


def _contains(paper: Paper, keyword: str) -> bool:
    text = f"{paper.shown.title} {paper.shown.abstract}".casefold()
    return re.search(rf"(?<!\w){re.escape(keyword.casefold())}(?!\w)", text) is not None
