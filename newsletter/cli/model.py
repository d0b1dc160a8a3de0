"""Builds the model's part of a run where a key is set; the only place that knows both the settings and the model."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from newsletter.ask import Asker
from newsletter.budget import Budget, Caps
from newsletter.cli import show
from newsletter.cost import picodollars, prices_of
from newsletter.llm import Model, OpenAISettings, connect
from newsletter.models import Clock, Plan, Reading, ScorerFor
from newsletter.plan import Planned
from newsletter.prompt import SCHEMA_VERSION, load_prompts
from newsletter.score import KEPT_WARM, Scoring, without_model
from newsletter.settings import Settings
from newsletter.store import Store
from newsletter.store.scores import Recipe

NO_KEY = "OPENAI_API_KEY is not set, so no model could read the papers"


@dataclass(frozen=True, slots=True)
class Scorers:
    """What the pipeline asks for scores."""

    plan: Plan
    scorer_for: ScorerFor


@contextmanager
def scorers(settings: Settings, store: Store, local_for: ScorerFor, *, command: str, clock: Clock) -> Iterator[Scorers]:
    """The model where a key is set, else the local scorer. Raises SettingsError for a model without a price."""
    key = settings.secret("OPENAI_API_KEY")
    if not key:
        yield Scorers(_no_plan, without_model(local_for, NO_KEY))
        return
    chosen = settings.of(OpenAISettings)
    prices = prices_of(chosen.model, chosen.prices)
    prompts = load_prompts(settings.home)
    now = clock()
    run_id = store.charges.start_run(command, now)
    caps = Caps(run=picodollars(chosen.max_usd_per_run), month=picodollars(chosen.max_usd_per_month))
    model = Model(chosen, connect(chosen, key, settings.secret("OPENAI_BASE_URL")), warn=_warn)
    asker = Asker(
        store=store,
        model=model,
        prices=prices,
        budget=Budget(store.charges, run_id, caps, now),
        prompts=prompts,
        run_id=run_id,
        recipe=store.scores.recipe_key(Recipe(chosen.model, chosen.effort, prompts.version, SCHEMA_VERSION)),
        clock=clock,
        warn=_warn,
    )
    warm = store.charges.warm_blocks(now - KEPT_WARM)
    scoring = Scoring(asker, Planned(store, prompts, chosen.context_tokens, warm), local_for, clock)
    yield Scorers(scoring.plan, scoring.scorer_for)
    store.charges.finish_run(run_id, model.stopped or "done", clock())


def _warn(line: str) -> None:
    show.warn(f"newsletter: {line}")


def _no_plan(readings: Iterable[Reading]) -> None:
    """The local scorer needs no plan; the readings are not even looked at."""
