"""Builds the model's part of a run where a key is set; the only place that knows both the settings and the model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from newsletter.models.papers import Clock
from newsletter.models.scores import Scorer
from newsletter.money import picodollars
from newsletter.scoring.model.budget import Budget, Caps
from newsletter.scoring.model.calls import Asker
from newsletter.scoring.model.client import Model, OpenAISettings, connect
from newsletter.scoring.model.prices import prices_of
from newsletter.scoring.model.prompts import SCHEMA_VERSION, load_prompts
from newsletter.scoring.model.reader import KEPT_WARM, ModelScorer, WithoutModel
from newsletter.scoring.model.sharing import Planned
from newsletter.settings import Settings
from newsletter.store import Store
from newsletter.store.scores import Recipe


@contextmanager
def scorer(
    settings: Settings,
    store: Store,
    local: Scorer,
    *,
    command: str,
    clock: Clock,
    warn: Callable[[str], None],
) -> Iterator[Scorer]:
    """The model where a key is set, else the local scorer. Raises SettingsError for a model without a price."""
    key = settings.secret("OPENAI_API_KEY")
    if not key:
        yield WithoutModel(local)
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
    yield ModelScorer(asker, Planned(store, prompts, chosen.context_tokens, warm), local)
    store.charges.finish_run(run_id, model.stopped or "done", clock())
