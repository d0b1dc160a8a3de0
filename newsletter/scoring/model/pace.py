"""Decides what a reader's day is expected to cost, and how far an allowance reaches. Calls nothing; picodollars."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from newsletter.models.papers import Paper
from newsletter.scoring.model.blocks import MOST
from newsletter.scoring.model.prompts import USUAL_TOKENS

REMARKS = 20  # papers whose comments are counted on; most days list fewer
AGAIN = 0.03  # of the papers are read twice
LABEL_BYTES = 24  # of a paper's label in the text, the schema and between papers
FORM_BYTES = 700  # of a call: schema, fences and the task
Usual = Callable[[int, int, int], int]  # what a call of (bytes, answered tokens, cached bytes) is expected to cost


@dataclass(frozen=True, slots=True)
class Rates:
    """What is expected for each paper read (alone, or from a cached block that others read too), for each comment, and
    beside them for each call."""

    paper: int
    shared_paper: int
    remark: int
    call: int
    shared_call: int

    def reading(self, papers: int) -> int:
        """Reading so many papers once, as the only reader."""
        return papers * self.paper + calls(papers) * self.call

    def sharing(self, papers: int) -> int:
        """Reading so many papers once from blocks that are in the cache."""
        return papers * self.shared_paper + calls(papers) * self.shared_call

    def remarking(self, papers: int) -> int:
        """Comments on so many papers."""
        return papers * self.remark + self.call * (papers > 0)

    def day(self, papers: int, listed: int, *, shared: bool) -> int:
        """A whole day: all papers, the doubtful ones twice, comments on what is listed."""
        again = round(AGAIN * papers)
        once = self.sharing(papers) if shared else self.reading(papers)
        return once + again * self.paper + self.call * (again > 0) + self.remarking(listed)


@dataclass(frozen=True, slots=True)
class Means:
    """What a reader may spend on an edition. `today` is the day's allowance, None without one.

    `listed` comments are paid for before the last papers are read; `kept` is what they cost at worst.
    """

    today: int | None
    rates: Rates
    listed: int
    kept: int

    @property
    def for_remarks(self) -> int:
        """What of the allowance is kept for comments: a third at most."""
        wanted = self.rates.remarking(self.listed)
        return wanted if self.today is None else min(wanted, max(0, self.today) // 3)

    def reaches(self, papers: int, *, shared: bool) -> bool:
        """True where the allowance is enough for reading all papers, and for comments."""
        rates = self.rates
        once = rates.sharing(papers) if shared else rates.reading(papers)
        return self.today is None or once + self.for_remarks <= self.today

    def papers(self) -> int:
        """How many papers may be read, as the only reader, beside the comments."""
        left = max(0, (self.today or 0) - self.for_remarks)
        full, rest = divmod(left, self.rates.reading(MOST))
        return full * MOST + max(0, rest - self.rates.call) // max(1, self.rates.paper)

    def remarks(self) -> int | None:
        """How many comments are affordable; None where all are."""
        if self.today is None:
            return None
        return max(0, self.today - self.rates.call) // max(1, self.rates.remark)


def rates(usual: Usual, papers: Collection[Paper], topics: int, rubric: int) -> Rates:
    """The rates for papers like these, for topics and a rubric of so many bytes."""
    sizes = [len(paper.title) + len(paper.abstract) + LABEL_BYTES for paper in papers] or [TYPICAL_BYTES]
    paper, fixed, own = sum(sizes) // len(sizes), rubric + topics + FORM_BYTES, topics + FORM_BYTES
    return Rates(
        paper=usual(paper, USUAL_TOKENS["both"], 0),
        shared_paper=usual(paper, USUAL_TOKENS["relevance"], paper),
        remark=usual(paper, USUAL_TOKENS["comments"], 0),
        call=usual(fixed, 0, 0),
        shared_call=usual(fixed, 0, fixed - own),
    )


TYPICAL_BYTES = 1400  # of a title and an abstract


def calls(papers: int) -> int:
    """Calls for so many papers."""
    return -(-papers // MOST)
