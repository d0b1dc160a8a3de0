"""What the delivery tests share: sends that are ready, an SMTP server that misbehaves on demand, a clock that ticks."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from newsletter.delivery.dispatch import Desk, Pace, dispatch
from newsletter.models.editions import Kind
from newsletter.models.sends import Outcome, Outgoing, Receipt, Send
from newsletter.models.subscribers import TopicsFile, Wishes
from newsletter.store import Store
from newsletter.store.subscribers import FileStamp
from tests.builders import NOON, WEDNESDAY, an_edition, some_topics

OUTGOING = Outgoing(
    send_id="send000001",
    slug="ada",
    date=WEDNESDAY,
    sender="News <news@example.org>",
    recipient="ada@example.org",
    eml=(
        b"From: News <news@example.org>\r\nTo: ada@example.org\r\nSubject: =?utf-8?q?Moss_=E2=80=93_three_papers?=\r\n"
        b"Date: Wed, 18 Nov 2026 12:00:00 +0000\r\nMessage-ID: <send000001@example.org>\r\n"
        b"List-Id: news <arxiv.example.org>\r\nList-Unsubscribe: <https://news.example.org/u/TOKEN>\r\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
        b'--b\r\nContent-Type: text/plain; charset="utf-8"\r\n\r\nMoss grows.\r\n.\r\n..two dots\r\n'
        b'--b\r\nContent-Type: text/html; charset="utf-8"\r\n\r\n<p>Moss grows.</p>\r\n--b--\r\n'
    ),
)


def a_reader(store: Store, slug: str = "ada", now: datetime = NOON, email: str = "") -> int:
    """An active subscriber with consent; returns the id."""
    wishes = Wishes(email=email or f"{slug}@example.org", categories=("q-bio.PE",))
    subscriber = store.subscribers.save(slug, TopicsFile(wishes, some_topics()), FileStamp(1, 1), now)
    store.subscribers.consent(subscriber.id, wishes.email, "operator", now)
    return subscriber.id


def a_send(
    store: Store,
    slug: str = "ada",
    now: datetime = NOON,
    *,
    not_before: datetime | None = None,
    email: str = "",
    **edition: Any,
) -> Send:
    """A send that is ready, perhaps only from an hour on, to a reader made for it."""
    a_reader(store, slug, now, email)
    subscriber = store.subscribers.load(slug)
    assert subscriber
    name = f"{slug}{edition.get('date', WEDNESDAY):%d}".ljust(10, "0")[:10]
    send = store.editions.freeze(an_edition(subscriber=slug, **edition), subscriber, name, now, not_before)
    assert send
    return send


def sends_to(store: Store, *addresses: str) -> list[Send]:
    """A send that is ready to each address; the part before the @ names the reader."""
    return [a_send(store, address.partition("@")[0], email=address) for address in addresses]


def some_sends(store: Store, count: int) -> list[Send]:
    return [a_send(store, f"r{number:04}") for number in range(count)]


@dataclass
class Ticking:
    """A clock that others move; with `step`, each look at it moves it too."""

    now: datetime = NOON
    step: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class FakeBackend:
    """Takes every message, or answers what it was told to, by recipient."""

    answers: dict[str, Receipt] = field(default_factory=dict)
    otherwise: Receipt = field(default_factory=lambda: Receipt(Outcome.ACCEPTED, "taken"))
    reaches_people: bool = True
    taken: list[Outgoing] = field(default_factory=list)
    before: Callable[[Outgoing], None] = lambda _: None

    def submit(self, outgoing: Outgoing) -> Receipt:
        self.before(outgoing)
        self.taken.append(outgoing)
        return self.answers.get(outgoing.slug, self.otherwise)

    def close(self) -> None:
        pass


def a_desk(store: Store, backend: Any, **fields: Any) -> Desk:
    given: dict[str, Any] = {
        "store": store,
        "backend": backend,
        "backend_name": "fake",
        "write": lambda send: f"To: {send.address}\r\n\r\nthe message of {send.id}\r\n".encode(),
        "sender": "news@example.org",
        "clock": lambda: NOON,
        "pace": Pace(),
    }
    return Desk(**(given | fields))


def dispatched(store: Store, clock: Callable[[], datetime], kind: Kind | None = None, **fields: Any) -> list[str]:
    """Who gets something of a dispatch at a backend that takes everything."""
    backend = FakeBackend()
    stop = fields.pop("stop", _NeverWaiting())
    dispatch(a_desk(store, backend, clock=clock, stop=stop, **fields), kind)
    return sorted(outgoing.slug for outgoing in backend.taken)


class _NeverWaiting(threading.Event):
    """Whoever waits for it goes on at once; the test's clock tells the time."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


class Sink:
    """An SMTP server that keeps what it accepts; `say` overrides its answer by stage (MAIL, RCPT, DATA)."""

    def __init__(self, *, pipelining: bool = False) -> None:
        self.pipelining = pipelining
        self.envelopes: list[Envelope] = []
        self.say: dict[str, str] = {}
        self.connections = 0
        self.drop_after_data = False
        self.at: tuple[str, int, Callable[[], None]] = ("", 0, lambda: None)  # stage, the how-maniest, what happens

    def _reach(self, stage: str) -> None:
        here, number, act = self.at
        if here == stage:
            self.at = here, number - 1, act
            if number == 1:
                act()

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        self._reach("EHLO")
        session.host_name = hostname
        return [*responses[:-1], *(["250-PIPELINING"] if self.pipelining else []), *responses[-1:]]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._reach("MAIL")
        if "MAIL" not in self.say:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.say.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._reach("RCPT")
        if "RCPT" not in self.say:
            envelope.rcpt_tos.append(address)
        return self.say.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.drop_after_data:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "250 nobody hears this"
        self._reach("DATA")
        if "DATA" not in self.say:
            self.envelopes.append(envelope)
        self._reach("accepted")
        return self.say.get("DATA", f"250 2.0.0 Ok: queued as Q{len(self.envelopes)}")

    def deliveries(self) -> Counter[str]:
        """How often each message arrived, by its Message-ID or its recipient."""
        return Counter(envelope.rcpt_tos[0] for envelope in self.envelopes)


@contextmanager
def a_sink(*, pipelining: bool = False, **controller: Any) -> Iterator[tuple[Sink, int]]:
    """A sink on a free port of this machine; one with `pipelining` says that it takes several commands at once."""
    sink = Sink(pipelining=pipelining)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = Controller(sink, hostname="127.0.0.1", port=port, **controller)
    server.start()
    try:
        yield sink, port
    finally:
        server.stop()
