"""Scores one subscriber's candidates with the model: blocks, borderline papers again, comments for what may be shown.

Whatever goes wrong, each paper ends with a score, in the list of those without one, or in an edition that says it was
ranked locally. Money that runs short is saved in a fixed order, and each step is named. Calls that do not wait for each
other's answers are made side by side: one reader's day is three calls deep, repeats aside.
"""

import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from newsletter.models.papers import Paper
from newsletter.models.quality import ReadDay
from newsletter.models.scores import Cap, Fault, Reading, Reason, Score, Scored, Scores, Trouble
from newsletter.scoring.model.asking import Ask, Question, asks_for_remarks
from newsletter.scoring.model.blocks import MOST
from newsletter.scoring.model.budget import Purse
from newsletter.scoring.model.calls import Asker, Left
from newsletter.scoring.model.client import ModelStopped
from newsletter.scoring.model.known import Known
from newsletter.scoring.model.pace import Means
from newsletter.scoring.model.sharing import Part, Planned, key_of
from newsletter.scoring.model.skipping import ALL_READ, BOUND, BOUND_OF_BLOCKS, Choice, accounted, choose
from newsletter.store.scores import Comment, Relevance

MISSING_AT_MOST = 0.02  # of the candidates; one paper is always forgiven
READ_AGAIN_AT_MOST = 30
ALONE_AT_MOST = 60
SURPRISING = 8  # this relevance, for a paper in the lower half of the local ranking, is read again
LIKELY = 0.1  # the best tenth of the local ranking is read alone where a block is not trusted


class Reader:
    """One subscriber's way through the run. `past` are the days that say what may be skipped."""

    def __init__(
        self,
        asker: Asker,
        planned: Planned,
        known: Known,
        reading: Reading,
        means: Means,
        *,
        past: Sequence[ReadDay] = (),
    ) -> None:
        self._asker, self._planned, self._known, self._means, self._past = asker, planned, known, means, past
        self._subscriber, self._date = reading.subscriber, reading.date
        self._local: dict[int, Scored] = {}  # by the local scorer
        self._order: list[int] = []  # by the local ranking, best first
        self._place: dict[int, float] = {}  # in the local ranking, as a share of it
        self._unread: set[int] = set()  # papers that money did not reach
        self._choice = ALL_READ
        self._skipped: set[int] = set()  # papers that nobody else had read either
        self.economies: list[Fault] = []
        self.day: ReadDay | None = None  # what was read, where that was all that was meant to be

    def scores(self, ranked: Scores) -> Scores:
        """Reads what is not read yet, and says what it came to. Raises Stopped."""
        self._local = {key_of(s.paper): s for s in ranked.scored}
        self._order = sorted(self._local, key=lambda key: -self._local[key].score.local)
        self._place = {key: (n + 1) / len(self._order) for n, key in enumerate(self._order)}
        with suppress(ModelStopped):  # what was bought until then decides what the edition is
            self._read_all()
            read = self._known.relevances(self._local)
            self._rate_novelty(read)
            self._read_again(read)
        result = self._result(ranked)
        if result.scorer == "openai" and not self._unread:
            least = self._subscriber.wishes.min_relevance
            relevant = {key for key, found in self._trusted().items() if found.value >= least}
            self.day = accounted(self._date, self._choice, self._order, relevant)
        return result

    def commented(self, shown: Sequence[Scored]) -> tuple[Scored, ...]:
        """Asks for the comments that are missing; a paper that no model scored gets none. Raises Stopped."""
        read = self._known.relevances([key_of(s.paper) for s in shown])
        mine = [s.paper for s in shown if key_of(s.paper) in read]
        with suppress(ModelStopped):
            self._remark(mine)
        said = self._known.comments(mine)
        return tuple(self._with_words(s, said.get(key_of(s.paper))) for s in shown)

    # What is asked

    def _question(self, stage: str, payers: tuple[int, ...] = ()) -> Question:
        return Question(
            stage=stage,
            task="relevance",
            date=self._date,
            payers=payers or (self._subscriber.id,),
            topics=self._subscriber.topics,
            topics_key=self._known.topics_key,
        )

    def _ask(self, asks: Sequence[Ask]) -> Left:
        """Asks on this reader's account."""
        return self._asker.ask(asks, Purse(self._subscriber.id))

    def _ask_sparingly(self, asks: Sequence[Ask], *, the_first: bool = False) -> Left:
        """Asks where enough is left for comments, `the_first` whatever is left."""
        means = self._means
        return self._asker.ask(asks, Purse(self._subscriber.id, means.kept, means.for_remarks, the_first=the_first))

    def _read_all(self) -> None:
        """Every unread candidate, the most promising first; not those that earlier days say hold nothing."""
        known = self._known.relevances(self._local)
        unread = {key: s.paper for key, s in self._local.items() if key not in known}
        choice = self._chosen()
        wanted = {key: paper for key, paper in unread.items() if key not in choice.unread}
        parts = self._planned.parts(wanted.values())
        shared = any(part.several or part.warm for part in parts)
        reaches = self._means.reaches(len(wanted), shared=False)
        if shared or reaches:
            self._choice = choice
            asks = self._of_blocks(parts, wanted) if shared or not choice.skipped else self._of_the_best(wanted)
            left = self._ask_sparingly(asks, the_first=True)
            self._unread = {key_of(paper) for ask in left.asks for paper in ask.papers}
            cap = left.cap
        else:  # money decides how far down the ranking is read
            self._unread, cap = self._read_the_best(unread)
        if self._unread:
            cap = cap or (Cap.DAY if self._means.today else Cap.OWN_MONTH)
            self._economize(Trouble.UNREAD, cap, len(self._unread), len(self._local))
        self._skipped = unread.keys() & self._choice.unread
        if self._skipped:
            self._economize(Trouble.SKIPPED, None, len(self._skipped), len(self._local))

    def _chosen(self) -> Choice:
        """What is skipped: whole blocks of those that others read too, single papers of a reader's own calls.

        It is drawn from all candidates, by topics and date: a run that is resumed skips the same.
        """
        parts = self._planned.parts(s.paper for s in self._local.values())
        units: list[tuple[int, ...]] = [(key,) for key in self._order]
        bound = BOUND
        if any(part.several for part in parts):
            held = (tuple(key for p in part.papers if (key := key_of(p)) in self._local) for part in parts)
            units, bound = [keys for keys in held if keys], BOUND_OF_BLOCKS
        lot = random.Random(f"skipped {self._subscriber.topics.hash} {self._date}")  # noqa: S311 - no secret
        return choose(self._past, self._order, units, lot, bound)

    def _of_the_best(self, wanted: Mapping[int, Paper]) -> list[Ask]:
        """Calls of a reader's own, as few as hold these papers, in the order of the local ranking."""
        question = replace(self._question("both"), task="both")
        papers = [wanted[key] for key in self._order if key in wanted]
        return [Ask(question, tuple(papers[n : n + MOST]), baited=True) for n in range(0, len(papers), MOST)]

    def _of_blocks(self, parts: Sequence[Part], wanted: Mapping[int, Paper]) -> list[Ask]:
        """A call for each block, by how many good papers it promises."""
        mine = {part.key: tuple(p for p in part.papers if key_of(p) in wanted) for part in parts}
        ordered = sorted(parts, key=lambda part: -self._promise(mine[part.key]))
        return [self._of_block(part, mine[part.key]) for part in ordered]

    def _of_block(self, part: Part, mine: tuple[Paper, ...]) -> Ask:
        question = self._question(
            "relevance", self._planned.alike(part, self._subscriber.id, self._subscriber.topics.hash)
        )
        if not part.several and len(self._known.novelties(map(key_of, mine))) < len(mine):
            question = replace(question, stage="both", task="both")
        return Ask(
            question, mine, part, self._planned.cache_key(part), sharers=self._planned.sharers(part) or question.payers
        )

    def _read_the_best(self, wanted: Mapping[int, Paper]) -> tuple[set[int], Cap | None]:
        """Reads as many papers as the day's allowance reaches for, in the order of the local ranking; what it does not.

        No block is cut for them: nobody shares the cost, and the best papers stand in all blocks. What a round leaves,
        because it cost less than expected or found little to comment on, goes into another one.
        """
        waiting = [key for key in self._order if key in wanted]
        while waiting and (count := self._means.papers()):
            asks = self._of_the_best({key: wanted[key] for key in waiting[:count]})
            # So many that comments have their part already; an estimate that is a little off may take from it.
            left = self._asker.ask(asks, Purse(self._subscriber.id, self._means.kept, the_first=True))
            unasked = {key_of(paper) for ask in left.asks for paper in ask.papers}
            waiting = [key for key in waiting[:count] if key in unasked] + waiting[count:]
            if left.asks:
                return set(waiting), left.cap
            least = self._subscriber.wishes.min_relevance
            found = sum(read.value >= least for read in self._known.relevances(wanted).values())
            today = self._asker.left_today(self._subscriber.id)
            self._means = replace(self._means, today=today, listed=min(self._means.listed, found + 1))
        return set(waiting), None

    def _rate_novelty(self, read: Mapping[int, Relevance]) -> None:
        """The novelty of papers that have a relevance only: another's call failed, or left them out."""
        rated = self._known.novelties(self._local)
        gaps = tuple(s.paper for key, s in self._local.items() if key in read and key not in rated)
        if gaps:
            novelty = Question("novelty", "novelty", self._date, (self._subscriber.id,))
            if (left := self._ask([Ask(novelty, gaps)])).asks:
                self._economize(Trouble.UNRATED, left.cap, len(gaps))

    def _read_again(self, read: Mapping[int, Relevance]) -> None:
        """Borderline and surprising papers once more, in another order; what a tricked call liked, one by one."""
        least = self._subscriber.wishes.min_relevance
        once = {key: r.value for key, r in read.items() if r.readings == 1}
        borderline = [key for key, value in once.items() if value in (least - 1, least)]
        surprising = [key for key, v in once.items() if v >= max(SURPRISING, least + 1) and self._place[key] > 0.5]
        again = [*borderline, *surprising][:READ_AGAIN_AT_MOST]
        random.Random(f"{self._subscriber.topics.hash} {self._date}").shuffle(again)  # noqa: S311 - no secret
        tricked = [
            key for key, r in read.items() if not r.readings and (r.value >= least - 1 or self._place[key] <= LIKELY)
        ][:ALONE_AT_MOST]
        alone = replace(self._question("alone"), final=True)
        second = replace(self._question("again"), final=True, before={key: once[key] for key in again})
        asks = [Ask(alone, (self._local[key].paper,)) for key in tricked]
        if again:
            asks.append(Ask(second, tuple(self._local[key].paper for key in again)))
        left = self._ask_sparingly(asks)
        stages = {ask.question.stage for ask in left.asks}
        if "alone" in stages:
            self._economize(Trouble.NOT_READ_ALONE, left.cap)
        if "again" in stages:
            self._economize(Trouble.NOT_READ_AGAIN, left.cap, len(again))

    def _remark(self, papers: Sequence[Paper]) -> None:
        said = self._known.comments(papers)
        wanted = [paper for paper in papers if key_of(paper) not in said]
        if not wanted:
            return
        question = replace(self._question("comments"), task="comments", language=self._subscriber.wishes.language)
        affordable = wanted[: self._means.remarks()]
        left = self._ask(asks_for_remarks(question, affordable))
        unasked = {key_of(paper) for ask in left.asks for paper in ask.papers}
        asked = [paper for paper in affordable if key_of(paper) not in unasked]
        if not asked:
            self._economize(Trouble.NO_COMMENTS, left.cap or Cap.DAY)
        elif len(asked) < len(wanted):
            self._economize(Trouble.FEW_COMMENTS, left.cap or Cap.DAY, len(wanted) - len(asked), len(papers))
        said = self._known.comments(asked)
        if silent := [paper for paper in asked if key_of(paper) not in said]:
            self._known.keep_silent(silent)

    def _economize(self, trouble: Trouble, cap: Cap | None, *numbers: int) -> None:
        self.economies.append(Fault(trouble, numbers, cap))

    # What it comes to

    def _scored(self) -> list[Scored]:
        """All papers that have a score: the model's, or the local one where money did not suffice."""
        read, rated = self._trusted(), self._known.novelties(self._local)
        topics = {topic.number: topic.name for topic in self._subscriber.topics.topics}
        scored = []
        for key, by_words in self._local.items():
            if found := read.get(key):
                topic = topics.get(found.topic, by_words.score.topic)
                score = Score(found.value, rated.get(key), topic, local=by_words.score.local)
                scored.append(replace(by_words, score=score, reason=_marked(by_words.reason)))
            elif key in self._unread or key in self._skipped:
                scored.append(by_words)
        return scored

    def _trusted(self) -> dict[int, Relevance]:
        """Without the high scores of calls that obeyed a paper."""
        threshold = self._subscriber.wishes.min_relevance
        read = self._known.relevances(self._local)
        return {key: r for key, r in read.items() if r.readings or r.value < threshold}

    def _with_words(self, item: Scored, said: Comment | None) -> Scored:
        if said is None:
            return item
        topics = {topic.number: topic.name for topic in self._subscriber.topics.topics}
        score = replace(
            item.score,
            topic=topics.get(said.topic, item.score.topic),
            comment=said.comment,
            evidence=said.evidence,
            summary=said.summary,
        )
        return replace(item, score=score)

    def _result(self, ranked: Scores) -> Scores:
        scored = self._scored()
        found = {key_of(s.paper) for s in scored}
        missing = [s.paper for key, s in self._local.items() if key not in found]
        common = replace(ranked, model=self._asker.name, economies=tuple(self.economies))
        if len(missing) > max(1, MISSING_AT_MOST * len(self._local)):
            # What the endpoint said is for the operator, who was warned; it does not go to readers.
            if self._asker.stopped:
                return replace(common, fault=Fault(Trouble.MODEL_STOPPED))
            return replace(common, fault=Fault(Trouble.UNSCORED, (len(missing), len(self._local))))
        if len(self._unread) == len(self._local):
            return replace(common, fault=self.economies[0], economies=())
        return replace(common, scorer="openai", scored=tuple(scored), not_scored=tuple(missing))

    def _promise(self, papers: Sequence[Paper]) -> float:
        """How many good papers a block is likely to hold, by the local ranking."""
        return float(sum(self._local[key_of(paper)].score.local ** 2 for paper in papers))


def _marked(reason: Reason | None) -> Reason | None:
    """Of the local scorer's reason what the reader's marks say; strength is for what no model graded."""
    return Reason(liked=reason.liked, strength=None) if reason and reason.liked else None
