"""Builds the model's part of a run where a key is set; the only place that knows both the settings and the model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

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
    if dead := store.charges.settle_dead_runs():
        warn(f"a run was killed with {dead} calls under way: they are settled as lost, see `newsletter costs`")
    run_id = store.charges.start_run(command, now)
    caps = Caps(run=picodollars(chosen.max_usd_per_run), month=picodollars(chosen.max_usd_per_month))
    url = settings.secret("OPENAI_BASE_URL")
    known = store.endpoints.learned(_place(url), chosen.model, now)
    refused, context = known.refused, known.context_tokens

    def learn_refused(found: frozenset[str]) -> None:
        nonlocal refused
        refused = found
        store.endpoints.learn(_place(url), chosen.model, refused, context, clock())

    def learn_context(found: int) -> None:
        nonlocal context
        context = found
        store.endpoints.learn(_place(url), chosen.model, refused, context, clock())

    model = Model(chosen, connect(chosen, key, url), warn=warn, refused=refused, learn=learn_refused)
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
        context=context,
        learn=learn_context,
    )
    warm = store.charges.warm_blocks(now - KEPT_WARM)
    yield ModelScorer(
        asker, Planned(store, prompts, min(chosen.context_tokens, context or chosen.context_tokens), warm), local
    )
    store.charges.finish_run(run_id, model.stopped or "done", clock())


def _place(url: str) -> str:
    """A URL without the user and the query that it may name."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}" if parts.hostname else ""
