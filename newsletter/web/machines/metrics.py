"""Prometheus asks for numbers: they are read from the store for each request, so that no process has its own.

From this machine itself anybody may ask; what comes from elsewhere, or through a proxy, brings the operator's token.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.money import PICODOLLARS_PER_USD
from newsletter.operations.status import today
from newsletter.web.operators.session import Sessions
from newsletter.web.services import Rooms

FORWARDED = ("x-forwarded-for", "forwarded", "via", "x-real-ip")


def routes(rooms: Rooms) -> Sequence[Route]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_OfTheStore(rooms))

    def metrics(request: Request) -> Response:
        if not _may_ask(request, rooms):
            return Response("bring the operator's token as a bearer\n", 401, {"WWW-Authenticate": "Bearer"})
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/metrics", metrics, methods=["GET"])]


class _OfTheStore(Collector):
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def describe(self) -> Iterable[Metric]:
        """Nothing is read while it is registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        store, now = self._rooms.store, self._rooms.clock()
        day = today(store, now, self._rooms.templates.origins)
        statuses = Counter(str(known.status) for known in store.subscribers.known())
        yield _by("newsletter_sends", "Sends by state", "state", {str(k): v for k, v in store.sends.counts().items()})
        yield _by("newsletter_subscribers", "Subscribers by status", "status", statuses)
        yield _by("newsletter_editions_today", "Editions of the newest mailing by status", "status", day.editions)
        yield _by("newsletter_sends_today", "Sends of the newest mailing by state", "state", day.sends)
        yield GaugeMetricFamily("newsletter_incidents", "Open incidents", len(store.incidents.open()))
        yield GaugeMetricFamily("newsletter_sending_paused", "1 while sending is paused", bool(day.breaker))
        for name, spent in (("today", day.spent_today), ("this_month", day.spent_this_month)):
            yield GaugeMetricFamily(f"newsletter_spent_{name}_usd", "What the model cost", spent / PICODOLLARS_PER_USD)
        for name, age in (("mailing", day.mailing_age), ("run", day.run_age), ("backup", day.backup_age)):
            if age is not None:
                yield GaugeMetricFamily(f"newsletter_{name}_age_seconds", f"Since the last {name}", age)


def _by(name: str, help_: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=[label])
    for key, count in sorted(counts.items()):
        family.add_metric([str(key)], count)
    return family


def _may_ask(request: Request, rooms: Rooms) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and Sessions(rooms.operator_token).knows(token.strip()):
        return True
    host = request.client.host if request.client else ""
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
    return is_here and not any(name in request.headers for name in FORWARDED)
