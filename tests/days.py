"""A day with fakes at its doors."""

from pathlib import Path

from newsletter import pipeline
from newsletter.delivery.dispatch import Desk
from newsletter.editions.compose import Composing
from newsletter.links import Signer
from newsletter.models.papers import Clock
from newsletter.models.scores import Scorer
from newsletter.models.sends import Backend
from newsletter.rendering.templates import load_templates
from newsletter.scoring.similarity import Similarity
from newsletter.settings import Mail
from newsletter.sources import origins, taxonomy
from newsletter.store import Store
from tests.builders import NOON

TEMPLATES = load_templates(None, origins())
SENDER = Mail.model_validate({"from": "The News <news@example.org>"})


def services(
    store: Store,
    backend: Backend,
    *,
    clock: Clock = lambda: NOON,
    scorer: Scorer | None = None,
    signer: Signer | None = None,
    mark: Path | None = None,
) -> pipeline.Services:
    """What a day takes, with a backend of the test's own."""
    signs = signer or Signer("http://localhost:8000", [b"key"])
    return pipeline.Services(
        composing=Composing(store, scorer or Similarity(), origins(), taxonomy(), to_people=backend.reaches_people),
        desk=Desk(
            store=store,
            backend=backend,
            backend_name=SENDER.backend,
            write=pipeline.writer(store, TEMPLATES, signs, SENDER, clock),
            sender=SENDER.sender,
            clock=clock,
        ),
        mark=mark,
    )
