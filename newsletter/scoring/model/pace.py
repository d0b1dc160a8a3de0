"""Decides what a reader's day is expected to cost, and how far an allowance reaches. Calls nothing; picodollars."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from newsletter.models.papers import Paper
from newsletter.models.scores import Tokens
from newsletter.money import shown_usd
from newsletter.scoring.model.blocks import MOST
from newsletter.scoring.model.prices import Price
from newsletter.scoring.model.prompts import USUAL_TOKENS

REMARKS = 20  # papers whose comments are counted on; most days list fewer
AGAIN = 0.03  # of the papers are read twice
LABEL_BYTES = 24  # of a paper's label in the text, the schema and between papers
FORM_BYTES = 700  # of a call: schema, fences and the task
TYPICAL_BYTES = 1_400  # of a title and an abstract
USUAL_BYTES_A_TOKEN = 4
FEWEST = 4  # papers that a call of their own is worth
NAMED = 5  # readers whose budgets are short
EDITIONS = 21  # mailings of a month
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
        few = max(0, rest - self.rates.call) // max(1, self.rates.paper)
        return full * MOST + (few if few >= FEWEST else 0)

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


def calls(papers: int) -> int:
    """Calls for so many papers."""
    return -(-papers // MOST)


# What is told before the first call


@dataclass(frozen=True, slots=True)
class DayCost:
    """What a day is expected to cost with a model, all readers together.

    `candidates` are those of the reader who has most; `short` names readers whose budget is too small to read all of
    every day, each with the days for which it would be enough.
    """

    model: str
    readers: int
    candidates: int
    picodollars: int
    short: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        """One sentence."""
        readers = "1 reader" if self.readers == 1 else f"{self.readers} readers"
        usd = shown_usd(self.picodollars)
        said = f"{self.model}: about ${usd} a day for {readers} with up to {self.candidates} candidates"
        if not self.short:
            return f"{said}; the budgets last the month"
        names = ", ".join(f"{slug} ({days})" for slug, days in self.short[:NAMED])
        more = f" and {len(self.short) - NAMED} more" if len(self.short) > NAMED else ""
        return f"{said}; not every paper is read for {names}{more}, whose budgets would last so many days"


class DayCosts:
    """Adds up the cost of a day, one reader at a time."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._readers: list[tuple[str, int, int, int, int]] = []

    def add(self, slug: str, candidates: int, means: Rates, listed: int, budget: int) -> None:
        """A reader with so many candidates and comments a day, and a monthly budget."""
        alone, shared = (means.day(candidates, listed, shared=shared) for shared in (False, True))
        self._readers.append((slug, candidates, alone, shared, budget))

    def told(self) -> DayCost | None:
        """The cost of a day; None without readers. What several readers share is read from the cache."""
        if not self._readers:
            return None
        several = len(self._readers) > 1
        days = [(slug, shared if several else alone, budget) for slug, _, alone, shared, budget in self._readers]
        writing = max(alone for _, _, alone, _, _ in self._readers) if several else 0  # each block once, for all
        short = tuple((slug, budget // day) for slug, day, budget in days if day and budget < EDITIONS * day)
        most = max(candidates for _, candidates, *_ in self._readers)
        return DayCost(self._model, len(days), most, sum(day for _, day, _ in days) + writing, short)


def usual(price: Price, size: int, answer_tokens: int, cached: int = 0) -> int:
    """What a call is expected to cost: so many bytes, of which some are read from the cache."""
    tokens = Tokens(size // USUAL_BYTES_A_TOKEN, cached // USUAL_BYTES_A_TOKEN, 0, answer_tokens)
    return price.prompt(tokens) + price.completion(tokens)
