"""The services that the pages work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from newsletter.editions.newest import Newest
from newsletter.links import Signer
from newsletter.models.papers import Clock, Taxonomy
from newsletter.models.sends import Webhook
from newsletter.models.subscribers import Subscriber
from newsletter.rendering.templates import Templates
from newsletter.store import Store
from newsletter.subscribers.applications import CLOSED
from newsletter.subscribers.membership import Membership
from newsletter.web.operators.session import Guesses

NO_CATEGORIES = Taxonomy()


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the pages work with.

    `joining` is who may join by the form: closed, open, or the "@domain" of their addresses. `reads_topics` names who
    besides us reads the topics, such as "gpt-4o-mini at api.openai.com"; empty where nobody does.
    """

    store: Store
    signer: Signer
    templates: Templates
    clock: Clock
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    home: Path | None = None
    members: Membership | None = None
    joining: str = CLOSED
    taxonomy: Taxonomy = NO_CATEGORIES
    welcome: Callable[[Subscriber], object] = lambda _: None  # makes a first edition
    reads_topics: str = ""
    newest: Newest | None = None  # what anybody would get of the newest mailing
    operator_token: str = field(default="", repr=False)  # without one there is no operator's page
    guesses: Guesses = field(default_factory=Guesses)  # of that token
    most_usd: float = 1.0  # a month, that readers may give themselves
