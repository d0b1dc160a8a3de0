"""Builds the model's part of a run where a key is set; the only place that knows both the settings and the model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.errors import SettingsError
from newsletter.models.papers import Clock, Paper
from newsletter.models.scores import Scorer
from newsletter.models.subscribers import Subscriber
from newsletter.money import picodollars
from newsletter.scoring.model.budget import Budget, Caps
from newsletter.scoring.model.calls import Asker
from newsletter.scoring.model.client import EMBEDDINGS, Model, OpenAISettings, Tries, connect
from newsletter.scoring.model.embeddings import Embedder, EmbeddingsSettings
from newsletter.scoring.model.pace import REMARKS, DayCost, DayCosts, rates, usual
from newsletter.scoring.model.prices import prices_of
from newsletter.scoring.model.prompts import SCHEMA_VERSION, load_prompts
from newsletter.scoring.model.scorer import KEPT_WARM, Desk, ModelScorer, WithoutModel
from newsletter.scoring.model.sharing import Planned
from newsletter.scoring.model.wording import Wordsmith
from newsletter.settings import Settings
from newsletter.store import Store
from newsletter.store.endpoints import Endpoint
from newsletter.store.scores import Recipe

if TYPE_CHECKING:
    from newsletter.scoring.vectors import Vectorised

NO_KEY = "none"  # for an endpoint of one's own; the client sends some key


@contextmanager
def spending(
    settings: Settings, store: Store, *, command: str, clock: Clock, warn: Callable[[str], None]
) -> Iterator[Budget]:
    """Opens a run, to which its calls are charged, and closes it.

    Only under the run lock, or on a database of one's own: calls that another run has under way are settled as lost.
    """
    chosen, now = settings.of(OpenAISettings), clock()
    if dead := store.charges.settle_dead_runs():
        warn(f"a run was killed with {dead} calls under way: they are settled as lost, see `newsletter costs`")
    run_id = store.charges.start_run(command, now)
    caps = Caps(run=picodollars(chosen.max_usd_per_run), month=picodollars(chosen.max_usd_per_month))
    yield Budget(store.charges, run_id, caps, now)
    store.charges.finish_run(run_id, "done", clock())


def embedder(
    settings: Settings, store: Store, budget: Budget, *, clock: Clock, warn: Callable[[str], None]
) -> Embedder | None:
    """The embeddings model that newsletter.toml names; None where it names none.

    Raises SettingsError for a model without a price, and for one that nothing can reach.
    """
    chosen, endpoint = settings.of(EmbeddingsSettings), settings.of(OpenAISettings)
    key = settings.secret("OPENAI_API_KEY")
    if not chosen.model:
        return None
    if not (key or chosen.base_url):
        raise SettingsError("embeddings.model: name embeddings.base_url too, or set OPENAI_API_KEY")
    url = chosen.base_url or settings.secret("OPENAI_BASE_URL")
    return Embedder(
        store=store,
        model=chosen.model,
        post=connect(endpoint, key or NO_KEY, url, EMBEDDINGS),
        tries=Tries(chosen.model, endpoint.attempts, warn=warn, setting="embeddings.model"),
        prices=prices_of(chosen.model, endpoint.prices),
        budget=budget,
        clock=clock,
    )


def vectors(
    settings: Settings, store: Store, budget: Budget, *, clock: Clock, warn: Callable[[str], None]
) -> "Vectorised | None":
    """Vectors by the embeddings model that newsletter.toml names; None where it names none. Raises SettingsError."""
    made = embedder(settings, store, budget, clock=clock, warn=warn)
    if made is None:
        return None
    from newsletter.scoring.vectors import vectorised  # noqa: PLC0415 - numpy only where it is needed

    return vectorised(store, made, warn)


def scorer(
    settings: Settings,
    store: Store,
    local: Scorer,
    budget: Budget,
    *,
    clock: Clock,
    warn: Callable[[str], None],
    tell: Callable[[str], None] = lambda _: None,
    stop: Event | None = None,
) -> Scorer:
    """The model where a key is set, else the local scorer; once `stop` is set, no further call begins.

    `tell` hears what a day will cost, before the first call.

    Raises SettingsError for a model without a price.
    """
    key = settings.secret("OPENAI_API_KEY")
    if not key:
        return WithoutModel(local)
    chosen, now = settings.of(OpenAISettings), clock()
    prompts = load_prompts(settings.home)
    model, endpoint = _model(settings, store, clock, warn, stop)
    context = min(chosen.context_tokens, endpoint.known.context_tokens or chosen.context_tokens)
    recipe = store.scores.recipe_key(Recipe(chosen.model, chosen.effort, prompts.version, SCHEMA_VERSION))
    asker = Asker(
        store=store,
        model=model,
        prices=prices_of(chosen.model, chosen.prices),
        budget=budget,
        prompts=prompts,
        recipe=recipe,
        clock=clock,
        warn=warn,
        context=context,
        learn=lambda tokens: endpoint.learn(context_tokens=tokens),
    )
    warm = store.charges.warm_blocks(now - KEPT_WARM)
    planned = Planned(store, prompts, context, warm, chosen.prefix_rpm)
    return ModelScorer(Desk(store, asker, planned, budget, prompts, recipe, clock, chosen.skips), local, tell)


def wordsmith(
    settings: Settings, store: Store, budget: Budget, *, clock: Clock, warn: Callable[[str], None]
) -> Wordsmith:
    """The model of newsletter.toml, asked for words; only where a key is set. Raises SettingsError without a price."""
    chosen = settings.of(OpenAISettings)
    prices = prices_of(chosen.model, chosen.prices)
    model, _ = _model(settings, store, clock, warn)
    return Wordsmith(store=store, model=model, prices=prices, budget=budget, home=settings.home, clock=clock)


def _model(
    settings: Settings, store: Store, clock: Clock, warn: Callable[[str], None], stop: Event | None = None
) -> tuple[Model, Endpoint]:
    """The model, with what was learnt of its endpoint."""
    chosen, url = settings.of(OpenAISettings), settings.secret("OPENAI_BASE_URL")
    endpoint = Endpoint(store.endpoints, _place(url), chosen.model, clock)
    model = Model(
        chosen,
        connect(chosen, settings.secret("OPENAI_API_KEY"), url),
        warn=warn,
        stop=stop,
        refused=endpoint.known.refused,
        learn=lambda refused: endpoint.learn(refused=refused),
    )
    return model, endpoint


def day_cost(settings: Settings, expected: Iterable[tuple[Subscriber, Sequence[Paper]]]) -> DayCost | None:
    """What a day will cost with the model of newsletter.toml, for these readers with papers of a usual day.

    None where no key is set, or nobody wants a model. Raises SettingsError for a model without a price.
    """
    if not settings.secret("OPENAI_API_KEY"):
        return None
    chosen = settings.of(OpenAISettings)
    price = prices_of(chosen.model, chosen.prices).of(chosen.service_tier)
    rubric = len(load_prompts(settings.home).texts["rubric"].encode())
    costs = DayCosts(chosen.model)
    for reader, papers in expected:
        wishes = reader.wishes
        if papers and wishes.scorer != "local":
            of = rates(partial(usual, price), papers, len(reader.topics.body.encode()), rubric)
            listed, budget = min(REMARKS, wishes.max_papers), picodollars(wishes.budget_usd_per_month)
            costs.add(reader.slug, len(papers), of, listed, budget)
    return costs.told()


def lanes(settings: Settings) -> int:
    """How many readers are composed side by side: enough to keep the model's calls under way."""
    model = settings.of(OpenAISettings).concurrency if settings.secret("OPENAI_API_KEY") else 0
    return max(settings.run.workers, model)


def reads_topics(settings: Settings) -> str:
    """The model that is asked, and where, as "MODEL at HOST"; empty without a key."""
    if not settings.secret("OPENAI_API_KEY"):
        return ""
    host = urlsplit(settings.secret("OPENAI_BASE_URL")).hostname or "api.openai.com"
    return f"{settings.of(OpenAISettings).model} at {host}"


def _place(url: str) -> str:
    """A URL without the user and the query that it may name."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}" if parts.hostname else ""
