"""The services that the pages work with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.links import Signer
from newsletter.models.papers import Clock
from newsletter.models.sends import Webhook
from newsletter.rendering.templates import Templates
from newsletter.store import Store


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the pages work with."""

    store: Store
    signer: Signer
    templates: Templates
    clock: Clock
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    home: Path | None = None
