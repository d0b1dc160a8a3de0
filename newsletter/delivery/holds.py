"""Decides which mailbox providers get nothing for now, for they refuse the sender; keeps that as a fact of the store.

Such a refusal says nothing of the reader: their mail waits, uncounted, and one message asks again after the hold.
"""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from newsletter.models.sends import Event
from newsletter.store.facts import Facts

HELD = "held_providers"  # the name of the fact kept
AFTER_A_REPLY = timedelta(hours=1)
AFTER_A_REPORT = timedelta(days=1)  # where a relay takes everything, asking again costs each reader a mail


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold of one provider: its end as ISO 8601, and the reply that caused it."""

    until: str
    said: str


def held(facts: Facts) -> list[str]:
    """A sentence on each provider that is held."""
    found = json.loads(facts.get(HELD) or "{}")
    return [f"{provider} refuses mail from this sender: {hold['said']}" for provider, hold in sorted(found.items())]


class Holds:
    """The providers that are held; `provider_of` names the provider of an address. Thread-safe."""

    def __init__(self, facts: Facts, provider_of: Callable[[str], str]) -> None:
        self._facts, self._provider_of = facts, provider_of
        self._lock = threading.Lock()
        self._held = {name: Hold(**hold) for name, hold in json.loads(facts.get(HELD) or "{}").items()}
        self.told: list[str] = []  # a sentence for the operator on each hold that is new

    def until(self, address: str, now: datetime) -> datetime | None:
        """When mail to an address may be tried again; None where it may now."""
        with self._lock:
            found = self._held.get(self._provider_of(address)) if self._held else None
            at = datetime.fromisoformat(found.until) if found else now
        return at if at > now else None

    def refused(self, address: str, said: str, now: datetime, pause: timedelta = AFTER_A_REPLY) -> datetime:
        """Holds the provider of an address; returns until when."""
        with self._lock:
            provider, until = self._provider_of(address), now + pause
            if provider not in self._held:
                self.told.append(
                    f"{provider} refuses mail from this sender, not from its readers ({said}): its readers' mail is "
                    "held and tried again; see docs/deliverability.md"
                )
            self._keep(self._held | {provider: Hold(until.isoformat(), said)})
        return until

    def learn(self, reports: Iterable[Event], now: datetime) -> None:
        """Holds the providers of which a report of a returned message says the same."""
        for report in reports:
            pause = report.at + AFTER_A_REPORT - now
            if pause > timedelta(0) and self.until(report.address, now + pause - timedelta(seconds=1)) is None:
                self.refused(report.address, report.detail, now, pause)

    def taken(self, address: str, now: datetime) -> None:
        """Ends a hold that is over, once its provider took a message again."""
        with self._lock:
            if not self._held:
                return
            provider = self._provider_of(address)
            if provider in self._held and datetime.fromisoformat(self._held[provider].until) <= now:
                self._keep({name: hold for name, hold in self._held.items() if name != provider})

    def _keep(self, held: dict[str, Hold]) -> None:
        self._held = held
        self._facts.set(HELD, json.dumps({name: asdict(hold) for name, hold in held.items()}) if held else "")
