"""Builds the model's part of a run where a key is set; the only place that knows both the settings and the model."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from newsletter.models.papers import Clock
from newsletter.models.scores import Plan, Reading, ScorerFor
from newsletter.money import picodollars
from newsletter.scoring.model.budget import Budget, Caps
from newsletter.scoring.model.calls import Asker
from newsletter.scoring.model.client import Model, OpenAISettings, connect
from newsletter.scoring.model.prices import prices_of
from newsletter.scoring.model.prompts import SCHEMA_VERSION, load_prompts
from newsletter.scoring.model.reader import KEPT_WARM, Scoring, without_model
from newsletter.scoring.model.sharing import Planned
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
def scorers(
    settings: Settings,
    store: Store,
    local_for: ScorerFor,
    *,
    command: str,
    clock: Clock,
    warn: Callable[[str], None],
) -> Iterator[Scorers]:
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
    model = Model(chosen, connect(chosen, key, settings.secret("OPENAI_BASE_URL")), warn=warn)
    asker = Asker(
        store=store,
        model=model,
        prices=prices,
        budget=Budget(store.charges, run_id, caps, now),
        prompts=prompts,
        run_id=run_id,
        recipe=store.scores.recipe_key(Recipe(chosen.model, chosen.effort, prompts.version, SCHEMA_VERSION)),
        clock=clock,
        warn=warn,
    )
    warm = store.charges.warm_blocks(now - KEPT_WARM)
    scoring = Scoring(asker, Planned(store, prompts, chosen.context_tokens, warm), local_for, clock)
    yield Scorers(scoring.plan, scoring.scorer_for)
    store.charges.finish_run(run_id, model.stopped or "done", clock())


def _no_plan(readings: Iterable[Reading]) -> None:
    """The local scorer needs no plan; the readings are not even looked at."""
