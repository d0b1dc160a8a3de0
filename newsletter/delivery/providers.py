"""Calls DNS: which mailbox provider takes the mail of an address. Addresses of many domains may share one.

A provider is named by the domain of its preferred mail exchanger: google.com for gmail.com and for each company whose
mail Google hosts. Where DNS does not answer, each domain stands for itself.
"""

import threading
from collections.abc import Callable, Sequence

from newsletter.delivery.dns import lookup

Exchangers = Callable[[str], Sequence[str]]
PATIENCE = 3  # unanswered questions; after these none is asked


def mail_exchangers(domain: str) -> Sequence[str]:
    """The hosts that take a domain's mail, the preferred first; none where it names none. Raises OSError."""
    records = sorted(
        (int(preference), host) for preference, _, host in (r.partition(" ") for r in lookup(domain, "MX"))
    )
    return [host.rstrip(".").lower() for _, host in records]


def organisation(host: str) -> str:
    """The domain under which a host is registered, as far as its name tells: google.com, example.co.uk."""
    labels = host.split(".")
    is_national = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if is_national else -2 :])


class Providers:
    """Names providers; asks DNS once a domain. Thread-safe."""

    def __init__(self, exchangers: Exchangers = mail_exchangers) -> None:
        self._exchangers = exchangers
        self._known: dict[str, str] = {}
        self._unanswered = 0
        self._lock = threading.Lock()

    def __call__(self, address: str) -> str:
        """The provider of an address."""
        domain = address.rpartition("@")[2].lower()
        with self._lock:
            if domain not in self._known:
                self._known[domain] = self._look_up(domain)
            return self._known[domain]

    def _look_up(self, domain: str) -> str:
        if self._unanswered >= PATIENCE:
            return domain
        try:
            hosts = self._exchangers(domain.encode("idna").decode())
        except UnicodeError:
            return domain
        except OSError:
            self._unanswered += 1
            return domain
        return organisation(hosts[0]) if hosts and hosts[0] else domain
