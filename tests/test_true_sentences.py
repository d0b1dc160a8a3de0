"""No sentence of a mail is false: facts are made up, an edition is composed of them, and every sentence of status, lead,
notices, headings, totals, account and foot is compared with the facts, in four languages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.editions.assemble import assemble
from newsletter.editions.companions import companions
from newsletter.editions.due import Due
from newsletter.editions.selection import select
from newsletter.models.editions import Cadence, Candidates, Edition, Kind, Links, Month, Totals
from newsletter.models.scores import Cap, Commented, Cost, Fault, Reason, Score, Scored, Scores, Status, Trouble, Usage
from newsletter.models.subscribers import Topic
from newsletter.rendering.digest import Digest, digest
from newsletter.rendering.frame import Sender
from newsletter.rendering.language import Words, words
from newsletter.rendering.reasons import worded_fault
from tests.builders import WEDNESDAY, a_paper, a_subscriber, some_topics

LANGUAGES = ("en", "de", "es", "fr")
TOPICS = ("Moss", "Stones", "AI")
ADA = a_subscriber(topics=some_topics(*(Topic(i, name, f"about {name}") for i, name in enumerate(TOPICS, 1))))


@dataclass(frozen=True)
class Facts:
    """What happened: how many of the candidates the model read, and what of the rest."""

    read: int
    unread: int
    unscored: int
    edition: Edition

    @property
    def candidates(self) -> int:
        return self.read + self.unread + self.unscored


class Heard(Words):
    """Words that remember under which text of the frame each sentence was said, and with which values."""

    __slots__ = ("said",)

    def __init__(self, language: str) -> None:
        spoken = words(language)
        super().__init__(spoken.language, spoken.catalogue)
        object.__setattr__(self, "said", {})

    said: dict[str, tuple[str, Mapping[str, Any]]]

    def say(self, text: str, **values: Any) -> str:
        told = super().say(text, **values)
        self.said[told] = text, values
        return told

    def count(self, one: str, many: str, number: int, **values: Any) -> str:
        told = super().count(one, many, number, **values)
        self.said[told] = many, {"n": number, **values}
        return told


def _is_read(item: Scored) -> bool:
    return item.reason is None


def _reasons(facts: Facts) -> set[Trouble]:
    told = facts.edition
    return {fault.code for fault in (told.fault, *told.economies) if fault}


def _numbers(facts: Facts, code: Trouble) -> int:
    return sum(fault.numbers[0] for fault in facts.edition.economies if fault.code is code)


def _mailed_papers(facts: Facts, values: Mapping[str, Any]) -> bool:
    told = facts.edition
    total = int(values.get("total", 99))
    return bool(values["n"] == len(told.papers) <= total > 0)


def _quiet(facts: Facts, values: Mapping[str, Any]) -> bool:
    return not facts.edition.papers and values.get("nothing", "") != ""


def _without_score(facts: Facts, values: Mapping[str, Any]) -> bool:
    fault = Fault(Trouble.UNSCORED, (values["n"], values["total"]))
    return facts.edition.fault == fault and facts.read == 0 and values["total"] == facts.candidates


def _is_tried(facts: Facts) -> bool:
    """One paper that does not pass is shown, on a day that was as it should be and brought others."""
    told = facts.edition
    tried = told.exploration
    assert tried is not None
    listed = {item.paper.id for item in (*told.papers, *told.near_misses)}
    is_good = told.status is Status.OK and not (told.fault or told.economies or facts.unscored)
    return is_good and tried.score.relevance < told.min_relevance and tried.paper.id not in listed and bool(told.papers)


# What each text of the frame claims; `n` and other values are those it was said with.
TRUE: dict[str, Callable[[Facts, Mapping[str, Any]], bool]] = {
    "{n} papers for you": _mailed_papers,
    "{n} papers for you of {total} new": _mailed_papers,
    "{n} papers for you of {total} new in {where}": lambda f, v: _mailed_papers(f, v) and v["where"] == "q-bio.PE",
    "No papers for you": lambda f, _: not f.edition.papers,
    "read by {model}, your share ${usd}": lambda f, v: (
        f.read == f.candidates and f.edition.scorer == "openai" and v["usd"] == f.edition.cost.total
    ),
    "{read} of {whole} read by {model}, your share ${usd}": lambda f, v: (
        (v["read"], v["whole"]) == (f.read, f.candidates) and f.read < f.candidates
    ),
    "your share of {model}: ${usd}": lambda f, v: v["usd"] == f.edition.cost.total,
    "ranked by similarity with your topics": lambda f, _: f.read == 0 and f.edition.usage.total_tokens > 0,
    "ranked by similarity with your topics, no language model read these": lambda f, _: (
        f.read == 0 and f.edition.usage.total_tokens == 0
    ),
    "{nothing}, because none of the new papers came close enough to your topics.": lambda f, v: (
        _quiet(f, v) and f.candidates > f.unscored
    ),
    "{nothing}, because no new paper of your categories was left to choose from.": lambda f, v: (
        _quiet(f, v) and f.candidates == 0
    ),
    "{nothing}, because arXiv announced nothing: it is a holiday there.": lambda f, v: (
        _quiet(f, v) and f.edition.status is Status.HOLIDAY
    ),
    "{nothing}, because arXiv's mailing could not be read in full. What is missing comes later.": lambda f, v: (
        _quiet(f, v) and f.edition.status is Status.ARXIV_FAULT
    ),
    "{nothing}, because the new papers could not be scored. Their titles follow.": lambda f, v: (
        _quiet(f, v) and len(f.edition.not_scored) == f.unscored > 0
    ),
    "Good to have you. This is the newest mailing, read with your topics, so that you see what to expect."
    " The next mail comes with the next mailing.": lambda f, _: f.edition.kind is Kind.WELCOME,
    "arXiv's mailing was incomplete when this was written; what is missing comes next time.": lambda f, _: (
        f.edition.status is Status.ARXIV_FAULT
    ),
    "Not all papers could be scored.": lambda f, _: f.unscored > 0,
    "The papers without a score are named below.": lambda f, _: len(f.edition.not_scored) == f.unscored > 0,
    "Too old to be part of this mail: the mailings of {days}.": lambda f, v: v["n"] == len(f.edition.older) > 0,
    "Your last mail may not have reached you.": lambda _f, _v: True,
    "No model is set up here, so the papers were ranked by similarity.": lambda f, _: (
        _reasons(f) == {Trouble.NO_MODEL} and f.read == 0
    ),
    "The model could not be used; all papers were ranked by similarity instead.": lambda f, _: (
        Trouble.MODEL_STOPPED in _reasons(f) and f.read == 0
    ),
    "{n} of {total} papers got no score; all were ranked by similarity instead.": _without_score,
    "The papers could not be scored, because of an error of ours.": lambda f, _: f.unscored == f.candidates,
    "{n} of {total} papers, those least like your topics, were ranked by similarity only": lambda f, v: (
        (v["n"] + _numbers(f, Trouble.SKIPPED), v["total"]) == (f.unread, f.candidates)
    ),
    "{n} of {total} papers were ranked by similarity only: by earlier days, papers like them are not for you.": (
        lambda f, v: (v["n"] + _numbers(f, Trouble.UNREAD), v["total"]) == (f.unread, f.candidates)
    ),
    "All papers were ranked by similarity only": lambda f, _: f.read == 0,
    "The novelty of {n} papers was not rated": lambda f, v: (
        Fault(Trouble.UNRATED, (v["n"],), Cap.RUN) in f.edition.economies
    ),
    "{what}: this run's spending limit is reached.": lambda f, _: Cap.RUN in _caps(f),
    "{what}: your budget of this month is used up.": lambda f, _: Cap.OWN_MONTH in _caps(f),
    "Beyond your topics": lambda f, _: any(not item.score.topic for item in f.edition.papers),
    "The best of the week": lambda f, _: f.edition.cadence is Cadence.WEEKLY,
    "The best of these days": lambda f, _: f.edition.cadence is Cadence.CATCH_UP,
    "{weekday} {day} {month}": lambda f, v: v["day"] in {day.day for day in f.edition.mailings},
    "The closest were": lambda f, _: not f.edition.papers and bool(f.edition.near_misses),
    "Just under the cut": lambda f, _: all(
        item.score.relevance == f.edition.min_relevance - 1 for item in f.edition.near_misses
    ),
    "Outside your topics": lambda f, _: _is_tried(f),
    "To try: more like it?": lambda f, _: _is_tried(f),
    "Closest": lambda f, _: bool(f.edition.papers),
    "announced {announced} · scanned {scanned} · relevant {relevant}": lambda f, v: (
        (v["announced"], v["scanned"], v["relevant"])
        == (f.edition.totals.announced, f.edition.totals.scanned, len(f.edition.papers))
    ),
    "Comments written by {model}.": lambda f, v: (
        v["model"] == f.edition.model and any(item.score.comment for item in f.edition.papers)
    ),
    "You subscribed to {mailer} with topics of your own.": lambda f, v: v["mailer"] == "Preprint Post",
    "{n} tokens": lambda f, v: v["n"] == f.edition.usage.total_tokens > 0,
    "this month ${spent} of ${budget}": lambda f, v: Month(v["spent"], v["budget"]) == f.edition.month,
    "Nothing for you today": lambda f, _: not f.edition.papers and f.edition.cadence is Cadence.DAILY,
    "Nothing for you this time": lambda f, _: not f.edition.papers and f.edition.cadence is not Cadence.DAILY,
    "No arXiv mailing": lambda f, _: f.edition.status is Status.HOLIDAY,
    "arXiv could not be read": lambda f, _: f.edition.status is Status.ARXIV_FAULT,
    "Papers could not be scored": lambda f, _: f.edition.status is Status.SCORING_FAULT,
    "Budget used up": lambda f, _: f.edition.status is Status.BUDGET,
    "Nothing new for you": lambda f, _: f.edition.status is Status.OK and f.candidates == 0,
    "Welcome to {mailer}": lambda f, _: f.edition.kind is Kind.WELCOME,
}


def _caps(facts: Facts) -> set[Cap | None]:
    told = facts.edition
    return {fault.cap for fault in (told.fault, *told.economies) if fault}


@st.composite
def some_facts(draw: st.DrawFn) -> Facts:
    """A day as the stages make it: a model that read all, some or nothing, or none; a mailing whole, torn or empty."""
    count = draw(st.integers(0, 24))
    outcome = draw(st.sampled_from(["model", "similarity", "stopped", "no model", "gaps", "broke", "error"]))
    mailings = draw(st.sampled_from([Status.OK, Status.OK, Status.ARXIV_FAULT, Status.HOLIDAY]))
    count = 0 if mailings is Status.HOLIDAY else count
    papers = tuple(a_paper(i) for i in range(1, count + 1))
    economies: list[Fault] = []
    fault: Fault | None = None
    read, unread, unscored = 0, count, 0
    if outcome == "model":
        unscored = draw(st.integers(0, count // 3))
        unread = draw(st.integers(0, count - unscored - 1)) if count else 0
        read = count - unscored - unread
        cap = draw(st.sampled_from([Cap.RUN, Cap.OWN_MONTH]))
        skipped = draw(st.integers(0, unread)) if read else 0
        economies += [Fault(Trouble.UNREAD, (unread - skipped, count), cap)] if unread > skipped else []
        economies += [Fault(Trouble.SKIPPED, (skipped, count))] if skipped else []
        economies += [Fault(Trouble.UNRATED, (read,), Cap.RUN)] if read and draw(st.booleans()) else []
    elif outcome == "error":
        unread, unscored, fault = 0, count, Fault(Trouble.SCORER_FAILED)
    elif outcome != "similarity" and count:
        fault = {
            "stopped": Fault(Trouble.MODEL_STOPPED),
            "no model": Fault(Trouble.NO_MODEL),
            "gaps": Fault(Trouble.UNSCORED, (draw(st.integers(1, count)), count)),
            "broke": Fault(Trouble.UNREAD, (count, count), Cap.OWN_MONTH),
        }[outcome]
    scored = tuple(
        _scored(draw, paper, by_model=place < read) for place, paper in enumerate(papers[: count - unscored])
    )
    scores = Scores(
        scored,
        "openai" if outcome == "model" and read else "local",
        "some-model",
        papers[count - unscored :],
        fault,
        tuple(economies),
    )
    return Facts(read, unread, unscored, _composed(draw, papers, scores, mailings))


def _scored(draw: st.DrawFn, paper: Any, *, by_model: bool) -> Scored:
    topic = draw(st.sampled_from([*TOPICS, ""]))
    score = Score(draw(st.integers(1, 10)), draw(st.integers(1, 10)) if by_model else None, topic)
    if by_model:
        said = draw(st.sampled_from(["It fits.", "Grows on stones, in the main.", ""]))
        return Scored(paper, replace(score, comment=said))
    return Scored(paper, score, reason=Reason(sentence="We watch moss grow.") if topic else Reason())


def _composed(draw: st.DrawFn, papers: tuple[Any, ...], scores: Scores, mailings: Status) -> Edition:
    cadence = draw(st.sampled_from(list(Cadence)))
    days = (WEDNESDAY,) if cadence is Cadence.DAILY else (WEDNESDAY - timedelta(days=1), WEDNESDAY)
    older = tuple(WEDNESDAY - timedelta(days=20 + i) for i in range(draw(st.integers(0, 2))))
    count = len(papers)
    totals = Totals(2 * count, count + 3, count) if count else Totals()
    candidates = Candidates(papers, totals, tuple(draw(st.sampled_from(days)) for _ in papers))
    exploring = draw(st.sampled_from(["ada", ""])) if mailings is Status.OK else ""
    selected = select(ADA.wishes, candidates, scores, companions(papers), exploring)
    used = scores.scorer == "openai" or (scores.fault is not None and draw(st.booleans()))
    spent = Commented(selected.papers, (), Usage(900, 0, 90), Cost("0.01", "0.02", "0.03")) if used else Commented(())
    told = assemble(ADA, Due(days, cadence, older), candidates, scores, selected, spent, mailings)
    month = Month("0.30", "1.00") if used else None
    return replace(told, kind=draw(st.sampled_from([Kind.DIGEST, Kind.DIGEST, Kind.WELCOME])), month=month)


def _sentences(told: Digest) -> list[str]:
    found = [*told.status.split(" · "), told.lead, *(notice.text for notice in told.notices)]
    found += [group.heading for group in told.groups]
    found += [told.near_heading] if told.near_misses else []
    found += [told.exploration_heading, told.exploration_note]
    found += [told.totals, *told.footer]
    if told.account:
        found += told.account.line.split(", ")
    return [sentence for sentence in found if sentence]


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=80, deadline=None)
@given(facts=some_facts())
def test_no_sentence_of_a_mail_is_false(language: str, facts: Facts) -> None:
    heard = Heard(language)
    told = digest(facts.edition, Links(), heard, Sender())
    for sentence in _sentences(told):
        if sentence in TOPICS:
            continue
        text, values = heard.said[sentence]
        assert TRUE[text](facts, values), (sentence, text, values)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=30, deadline=None)
@given(facts=some_facts())
def test_no_sentence_is_said_twice_and_none_is_left_out(language: str, facts: Facts) -> None:
    told = digest(facts.edition, Links(), words(language), Sender())
    notices = [notice.text for notice in told.notices]
    assert len(notices) == len(set(notices))
    for fault in dict.fromkeys((facts.edition.fault, *facts.edition.economies)):
        is_footnote = fault is not None and fault.code is Trouble.SKIPPED
        assert fault is None or facts.edition.kind is Kind.WELCOME or notices or is_footnote
        assert fault is None or not is_footnote or worded_fault(fault, words(language)) in told.footer
    assert told.lead or told.entries
    assert facts.unscored == 0 or told.not_scored


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=30, deadline=None)
@given(facts=some_facts())
def test_each_paper_stands_under_its_topic_or_the_one_that_its_comment_names(language: str, facts: Facts) -> None:
    if facts.edition.cadence is not Cadence.DAILY:
        return
    told = digest(facts.edition, Links(), words(language), Sender())
    topics = {item.paper.id: item.score for item in facts.edition.papers}
    for group in told.groups:
        for entry in group.entries:
            score = topics[entry.paper.id]
            named = "Stones" if "stones" in score.comment and score.topic else score.topic
            assert group.heading == named or (not named and group.heading not in TOPICS)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=30, deadline=None)
@given(facts=some_facts())
def test_the_subject_names_the_best_paper_or_why_there_is_none(language: str, facts: Facts) -> None:
    heard = Heard(language)
    told = digest(facts.edition, Links(), heard, Sender())
    title, _, tail = told.subject.rpartition(" · ")
    said = heard.said.get(told.subject) or heard.said.get(title) or heard.said[tail]
    assert TRUE[said[0]](facts, said[1]), told.subject
    if facts.edition.papers and facts.edition.kind is not Kind.WELCOME:
        assert title == facts.edition.papers[0].paper.title
