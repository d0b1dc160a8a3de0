"""`newsletter compare`: how two models read the same past mailings, and what each of them costs."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.editions.candidates import candidates
from newsletter.editions.selection import select
from newsletter.errors import InputError, NewsletterError, SettingsError
from newsletter.models.editions import Candidates
from newsletter.models.papers import Day, MailingDay
from newsletter.models.scores import Pool, Reading, Scores
from newsletter.models.subscribers import Subscriber, SubscriberStatus
from newsletter.money import exact_usd, shown_usd
from newsletter.scoring import connect
from newsletter.scoring.model.agreement import Agreement, agreement
from newsletter.scoring.model.client import OpenAISettings
from newsletter.settings import Settings
from newsletter.store import Store
from newsletter.store.charges import COMPARE
from newsletter.subscribers.roster import roster

UNPACED = 10**6  # USD: the caps of newsletter.toml hold, the readers' budgets do not


@dataclass(frozen=True, slots=True)
class Read:
    """One reader's day by one model: the relevance of each paper, and the papers that an edition would list."""

    grades: dict[str, int]
    listed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Case:
    """A reader's candidates of one mailing."""

    reading: Reading
    chosen: Candidates


def compare(
    models: Annotated[list[str], typer.Option("--model", help="A model; give two.")],
    days: Annotated[int, typer.Option("--days", min=1, help="How many of the stored mailings, the newest first.")] = 5,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this subscriber (repeatable).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Let two models read past mailings for the subscribers, and say how far they agree and what each costs.

    Nothing is mailed and no edition changes. What a model has read already is not bought again; what is bought stands
    in `costs`, counts against openai.max_usd_per_run and max_usd_per_month, and is in no reader's budget. It goes by
    the endpoint of OPENAI_BASE_URL.

    Examples:

        newsletter compare --model gpt-6-luna --model gpt-4.1-mini

        newsletter compare --model gpt-6-luna --model gpt-6-sol --days 1 --only ada --json
    """
    if len(models) != 2 or models[0] == models[1]:
        raise InputError("compare takes two different models: --model A --model B")
    settings = app.home_settings()
    if not settings.secret("OPENAI_API_KEY"):
        raise SettingsError("compare needs OPENAI_API_KEY (or the path of a file with it in OPENAI_API_KEY_FILE)")
    with app.open_store(settings) as store, app.run_lock(settings):
        mailings = [day for day in store.mailings.days() if day.has_papers][-days:]
        cases = _cases(settings, store, mailings, set(only or ()))
        if not cases:
            raise InputError("there is nothing to compare: fetch a mailing, and add a subscriber whose papers it has")
        read, paid = {}, {}
        for model in models:
            read[model], paid[model] = _read(_with_model(settings, model), store, cases)
    _print(models, cases, read, paid, as_json=as_json)


def _cases(settings: Settings, store: Store, days: Sequence[MailingDay], slugs: set[str]) -> list[Case]:
    """The readings of each active subscriber, day by day."""
    assert settings.home is not None, "subscribers live in a home"
    entries = roster(settings.home / "subscribers", store, app.taxonomy(), app.now())
    readers = [e for e in entries if isinstance(e, Subscriber) and e.status is SubscriberStatus.ACTIVE]
    if missing := slugs - {reader.slug for reader in readers}:
        raise InputError(f"--only {min(missing)}: there is no active subscriber of that name")
    cases = []
    for day in days:
        announced = store.mailings.announcements([day.date])
        pool = Pool(tuple(announcement.paper for announcement in announced))
        for reader in readers:
            chosen = candidates(reader.wishes, announced, (), app.taxonomy())
            if chosen.papers and (not slugs or reader.slug in slugs):
                unpaced = replace(reader.wishes, scorer="openai", budget_usd_per_month=UNPACED)
                cases.append(Case(Reading(replace(reader, wishes=unpaced), day.date, chosen.papers, pool), chosen))
    return cases


def _read(settings: Settings, store: Store, cases: Sequence[Case]) -> tuple[list[Read], int]:
    """What the model of the settings says of each case, and what that cost (picodollars)."""
    name = settings.of(OpenAISettings).model
    with connect.spending(settings, store, command=COMPARE, clock=app.now, warn=show.warning) as budget:
        local = app.local_scorer(store)
        scorer = connect.scorer(settings, store, local, budget, clock=app.now, warn=show.warning, tell=show.warning)
        scorer.plan(case.reading for case in cases)
        read = [_one(name, case, scorer.score) for case in cases]
        return read, store.charges.of_run(budget.run_id)


def _one(model: str, case: Case, score: Callable[[Reading], Scores]) -> Read:
    scores = score(case.reading)
    if scores.fault or scores.scorer != "openai":
        who, day = case.reading.subscriber.slug, case.reading.date
        raise NewsletterError(f"{model} could not read the mailing of {day} for {who}; what it read before is kept")
    listed = select(case.reading.subscriber.wishes, case.chosen, scores).papers
    grades = {s.paper.id: s.score.relevance for s in scores.scored if s.score.novelty is not None}
    return Read(grades, frozenset(s.paper.id for s in listed))


def _with_model(settings: Settings, model: str) -> Settings:
    chosen = settings.of(OpenAISettings).model_copy(update={"model": model, "skips": False})
    return replace(settings, sections={**settings.sections, OpenAISettings.section: chosen})


def _agreement(pairs: Sequence[tuple[Read, Read]]) -> Agreement:
    return agreement([(a.grades[key], b.grades[key]) for a, b in pairs for key in a.grades.keys() & b.grades.keys()])


def _print(
    models: Sequence[str],
    cases: Sequence[Case],
    read: dict[str, list[Read]],
    paid: dict[str, int],
    *,
    as_json: bool,
) -> None:
    pairs = list(zip(read[models[0]], read[models[1]], strict=True))
    by_day: dict[Day, list[tuple[Read, Read]]] = {}
    for case, pair in zip(cases, pairs, strict=True):
        by_day.setdefault(case.reading.date, []).append(pair)
    rows = [(str(day), of_day) for day, of_day in sorted(by_day.items())] + [("all", pairs)]
    if as_json:
        show.as_json(
            {
                "models": [{"model": model, "usd": exact_usd(paid[model])} for model in models],
                "days": [{"day": name, **asdict(_agreement(some)), **_editions(some)} for name, some in rows[:-1]],
                "all": {**asdict(_agreement(pairs)), **_editions(pairs)},
            }
        )
        return
    heads = ("day", "papers", "equal", "within one", "kappa", "rank corr.", "editions that change", "listed by both")
    show.table(f"{models[0]} and {models[1]}", heads, [_row(name, some) for name, some in rows])
    for model in models:
        show.say(f"{model}: USD {shown_usd(paid[model])} for what it had not read before")


def _editions(pairs: Sequence[tuple[Read, Read]]) -> dict[str, int]:
    return {
        "editions": len(pairs),
        "changed": sum(a.listed != b.listed for a, b in pairs),
        "listed_by_first": sum(len(a.listed) for a, _ in pairs),
        "listed_by_second": sum(len(b.listed) for _, b in pairs),
        "listed_by_both": sum(len(a.listed & b.listed) for a, b in pairs),
    }


def _row(name: str, pairs: Sequence[tuple[Read, Read]]) -> tuple[str, ...]:
    found, editions = _agreement(pairs), _editions(pairs)
    union = editions["listed_by_first"] + editions["listed_by_second"] - editions["listed_by_both"]
    return (
        name,
        str(found.papers),
        *(_share(value) for value in (found.exact, found.within_one)),
        *("–" if value is None else f"{value:.2f}" for value in (found.kappa, found.rank_correlation)),
        f"{editions['changed']} of {editions['editions']}",
        f"{editions['listed_by_both']} of {union}",
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
