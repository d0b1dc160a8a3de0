"""The doctor: a good set-up is green, each broken one has its cross, and the cross names the mend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from newsletter import app
from newsletter.delivery import backends
from newsletter.delivery.breakers import OPEN
from newsletter.errors import StoreError
from newsletter.links import Signer, keys_of
from newsletter.models.days import Concern, Finding, Judged
from newsletter.models.subscribers import Problem, Subscriber
from newsletter.operations import probes as real
from newsletter.operations.doctor import examine
from newsletter.operations.doctor.patient import Answer, Mark, Patient, Probes, Sample
from newsletter.operations.status import BACKUP_AT, RUN_AT
from newsletter.settings import load
from newsletter.store import Store
from newsletter.web.services import Rooms
from tests.builders import a_mailing, a_paper
from tests.commands import Command
from tests.delivery import a_reader, a_sink
from tests.test_bad_input import subscribe
from tests.test_web import TEMPLATES
from tests.web import ask

SECRET = "0123456789abcdef" * 4
NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
MODELS = b'{"data": [{"id": "gpt-6-luna"}]}'
GOOD = {
    "NEWSLETTER_MAIL__BACKEND": "smtp",
    "NEWSLETTER_MAIL__FROM": "News <news@example.org>",
    "NEWSLETTER_MAIL__OPERATOR": "Ada Winter",
    "NEWSLETTER_MAIL__OPERATOR_ADDRESS": "op@example.org",
    "NEWSLETTER_MAIL__POSTAL_ADDRESS": "1 Moss Lane",
    "NEWSLETTER_WEB__BASE_URL": "https://news.example.org",
    "NEWSLETTER_SECRET": SECRET,
    "OPENAI_API_KEY": "sk-test",
}
RECORDS = {
    ("example.org", "MX"): ["10 mx.example.org."],
    ("example.org", "TXT"): ["v=spf1 mx -all", "something else"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=quarantine; rua=mailto:dmarc@example.org"],
}


@dataclass
class Bench:
    """A set-up that is good, until a test breaks it; the web that answers is our own."""

    store: Store
    folder: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(GOOD))
    records: dict[tuple[str, str], Sequence[str]] = field(default_factory=lambda: dict(RECORDS))
    answers: dict[str, Answer | OSError] = field(default_factory=dict)  # by "METHOD url", in place of the real ones
    webs_secret: str = SECRET
    free: float = 50e9
    mail_server: str = ""
    whole: Callable[[Path], object] = lambda _: None
    points: float | None = 0.5
    html: int = 60_000
    problems: tuple[Problem, ...] = ()
    clock: timedelta = timedelta(0)

    def ask(self, method: str, url: str, headers: Any, body: bytes) -> Answer:
        for start, answer in self.answers.items():
            if f"{method} {url}".startswith(start):
                if isinstance(answer, OSError):
                    raise answer
                return answer
        if url.startswith("https://news.example.org"):
            rooms = Rooms(
                self.store, Signer("https://news.example.org", keys_of(self.webs_secret)), TEMPLATES, lambda: NOW
            )
            found = ask(rooms, method, urlsplit(url).path, body, headers)
            date = format_datetime(NOW + self.clock, usegmt=True)
            return Answer(found.status, found.headers | {"date": date}, found.text.encode())
        return Answer(200, {}, MODELS)

    def found(self) -> dict[str, Any]:
        """What the doctor says, crosses as their sentence and mend."""
        patient = Patient(
            settings=load(self.environ, self.folder / "newsletter.toml", app.sections()),
            store=self.store,
            entries=(
                *(s for s in map(self.store.subscribers.load, ["ada"]) if isinstance(s, Subscriber)),
                *self.problems,
            ),
            probes=Probes(
                ask=self.ask,
                lookup=lambda name, kind: self.records.get((name, kind), []),
                mail_server=lambda: self.mail_server,
                free=lambda _: int(self.free),
                whole=self.whole,
                spam=lambda _: self.points,
                dkim_key=real.dkim_key,
            ),
            now=NOW,
            sample=lambda: Sample(b"", self.html),
            expected=lambda: "gpt-6-luna: about $0.01 a day for 1 reader",
        )
        return {check.name: check for check in examine(patient)}


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Bench:
    (tmp_path / "newsletter.toml").touch()
    a_reader(store, "ada", NOW)
    store.mailings.save(a_mailing(a_paper(1)), NOW)
    store.facts.set(RUN_AT, NOW.isoformat())
    store.facts.set(BACKUP_AT, NOW.isoformat())
    return Bench(store, tmp_path)


def test_a_good_set_up_is_green(bench: Bench) -> None:
    found = bench.found()
    assert {check.mark for check in found.values()} == {Mark.TICK, Mark.SKIPPED}
    assert [check.name for check in found.values() if check.mark is Mark.SKIPPED] == ["DKIM"], "the server signs"
    assert len(found) >= 20


def test_what_a_day_will_cost_is_said_before_the_first_one(bench: Bench) -> None:
    assert bench.found()["price"].said == ("gpt-6-luna has one; expected of gpt-6-luna: about $0.01 a day for 1 reader")


def set_(**environ: str) -> Callable[[Bench], None]:
    return lambda bench: bench.environ.update(environ)


def without(name: str) -> Callable[[Bench], None]:
    def change(bench: Bench) -> None:
        del bench.environ[name]

    return change


def record(name: str, kind: str, *values: str) -> Callable[[Bench], None]:
    return lambda bench: bench.records.update({(name, kind): values})


def answers(start: str, answer: Answer | OSError) -> Callable[[Bench], None]:
    return lambda bench: bench.answers.update({start: answer})


def has(**fields: Any) -> Callable[[Bench], None]:
    def change(bench: Bench) -> None:
        for name, value in fields.items():
            setattr(bench, name, value)

    return change


def fact(name: str, value: str) -> Callable[[Bench], None]:
    return lambda bench: bench.store.facts.set(name, value)


def damaged(_: Path) -> None:
    raise StoreError("newsletter.db is damaged: row 7 missing from index sends_in")


def suppress(bench: Bench) -> None:
    bench.store.suppressions.add("ada@example.org", "hard bounce", "smtp", NOW)


def an_incident(bench: Bench) -> None:
    bench.store.incidents.turn(Judged((Finding(Concern.TOKENS, "0 tokens a paper where 530 are usual"),)), NOW)


def foreign_key(bench: Bench) -> None:
    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (bench.folder / "dkim.pem").write_bytes(pem)
    bench.environ |= {
        "NEWSLETTER_SMTP__DKIM_SELECTOR": "news",
        "NEWSLETTER_SMTP__DKIM_KEY_FILE": str(bench.folder / "dkim.pem"),
    }
    bench.records["news._domainkey.example.org", "TXT"] = ["v=DKIM1; k=rsa; p=TmV2ZXI="]


BY_SENDGRID = {"NEWSLETTER_MAIL__BACKEND": "sendgrid", "SENDGRID_API_KEY": "SG.test"}

BROKEN: list[tuple[str, Callable[[Bench], None], str, str]] = [
    ("settings", without("NEWSLETTER_MAIL__POSTAL_ADDRESS"), "needs mail.postal_address", "set it"),
    ("settings", set_(NEWSLETTER_WEB__BASE_URL="http://news.example.org"), "web.base_url (https)", "set it"),
    ("secret", set_(NEWSLETTER_SECRET="key"), "a key of 3 characters", "openssl rand -hex 32"),
    ("disk", has(free=90e6), "90 MB free", "make room"),
    ("database", has(whole=damaged), "row 7 missing from index", "newsletter restore"),
    ("topics files", has(problems=(Problem("bo", "bo.md:4: unknown key foo"),)), "bo.md:4", "topics check"),
    ("consent", suppress, "1 of 1 active subscribers get no mail: ada", "subscribers show"),
    ("web", answers("GET https://news.example.org", OSError("refused")), "does not answer: refused", "docs/deploy.md"),
    ("web", answers("GET https://news.example.org/health", Answer(301)), "redirects", "follows no redirect"),
    ("web", answers("GET https://news.example.org/health", Answer(502)), "answers 502", "newsletter serve"),
    ("links", has(webs_secret="f" * 64), "unsubscribe link answers 404", "the same NEWSLETTER_SECRET"),
    ("one-click", answers("POST https://news.example.org/u/", Answer(302)), "answered with 302", "RFC 8058"),
    ("one-click", answers("POST https://news.example.org/u/", Answer(404)), "by something else", "without redirect"),
    ("webhook", lambda bench: bench.environ.update(BY_SENDGRID), "no report of bounces", "webhook_public_key"),
    ("clock", has(clock=timedelta(minutes=-7)), "+420 s off", "NTP"),
    ("arXiv", answers("GET https://rss.arxiv.org", OSError("no route")), "does not answer", "HTTPS"),
    ("arXiv", answers("GET https://rss.arxiv.org", Answer(429)), "answers 429", "arxiv.contact"),
    ("mail server", has(mail_server="mx: 535 bad password"), "535 bad password", "SMTP_PASSWORD"),
    ("price", set_(NEWSLETTER_OPENAI__MODEL="gpt-unheard-of"), "no price is known", "[openai.prices"),
    ("model", answers("GET https://api.openai.com", Answer(401)), "refuses our key", "OPENAI_API_KEY"),
    ("model", answers("GET https://api.openai.com", OSError("down")), "does not answer", "OPENAI_BASE_URL"),
    ("model", answers("GET https://api.openai.com", Answer(200, {}, b'[{"id": "x"}]')), "has no model", "openai.model"),
    ("MX", record("example.org", "MX"), "neither MX nor address", "publish an MX"),
    ("MX", record("example.org", "MX", "0 ."), "null MX", "publish an MX"),
    ("SPF", record("example.org", "TXT"), "has no SPF record", "v=spf1"),
    ("SPF", record("example.org", "TXT", "v=spf1 -all", "v=spf1 mx -all"), "2 SPF records", "one TXT record"),
    ("SPF", record("example.org", "TXT", "v=spf1 +all"), "lets everybody send", "v=spf1"),
    ("SPF", record("example.org", "TXT", "v=spf1 " + "a:a.example " * 11 + "-all"), "more than 10 lookups", "v=spf1"),
    ("SPF", record("example.org", "TXT", "v=spf1 include:gone.example -all"), "gone.example has no SPF", "v=spf1"),
    ("DMARC", record("_dmarc.example.org", "TXT"), "has a DMARC record", "_dmarc.example.org"),
    ("DMARC", record("_dmarc.example.org", "TXT", "v=DMARC1; rua=mailto:a@example.org"), "no valid policy", "p=none"),
    ("DKIM", set_(NEWSLETTER_SMTP__DKIM_SELECTOR="news", NEWSLETTER_SMTP__DKIM_KEY_FILE="/nowhere"), "dkim_key_file",
     "PEM"),
    ("DKIM", foreign_key, "is not that of smtp.dkim_key_file", "publish the public key"),
    ("alignment", set_(NEWSLETTER_SMTP__BOUNCE_ADDRESS="b@bounces.example"), "does not count for DMARC",
     "smtp.bounce_address"),
    ("size", has(html=140_000), "140 kB of HTML", "max_papers"),
    ("spam", has(points=4.2), "4.2 points", "spamassassin"),
    ("backup", fact(BACKUP_AT, (NOW - timedelta(days=9)).isoformat()), "9 days old", "newsletter backup"),
    ("alarm", without("NEWSLETTER_MAIL__OPERATOR_ADDRESS"), "nobody would be told", "mail.operator_address"),
    ("day", fact(OPEN, "sending is paused: complaints"), "sending is paused", "docs/incidents.md"),
    ("day", fact(RUN_AT, (NOW - timedelta(hours=40)).isoformat()), "40 hours ago", "docs/incidents.md"),
    ("day", an_incident, "0 tokens a paper", "docs/incidents.md"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "break_", "said", "mend"), BROKEN, ids=[f"{n}-{s}" for n, _, s, _ in BROKEN])
def test_a_broken_set_up_has_its_cross(
    bench: Bench, name: str, break_: Callable[[Bench], None], said: str, mend: str
) -> None:
    break_(bench)
    check = bench.found()[name]
    assert check.mark is Mark.CROSS
    assert said in check.said
    assert mend in check.mend


def test_a_check_that_stumbles_hides_no_other(bench: Bench) -> None:
    bench.whole = lambda _: 1 / 0
    found = bench.found()
    assert (found["database"].mark, found["database"].said) == (Mark.CROSS, "ZeroDivisionError: division by zero")
    assert found["backup"].mark is Mark.TICK


def test_dns_that_does_not_answer_is_said_once(bench: Bench) -> None:
    class Silent(dict[tuple[str, str], Sequence[str]]):
        def get(self, *_: object) -> Sequence[str]:
            raise OSError("no answer for MX of example.org")

    bench.records = Silent()
    assert bench.found()["DNS"].said == "no answer for MX of example.org"


def test_nobody_is_unsubscribed_by_an_examination(bench: Bench) -> None:
    bench.found()
    ada = bench.store.subscribers.load("ada")
    assert ada is not None
    assert ada.status == "active"


def test_a_home_that_mails_nobody_needs_neither_web_nor_records(bench: Bench) -> None:
    bench.environ = {}
    found = bench.found()
    assert not [check for check in found.values() if check.mark is Mark.CROSS]
    assert {found[name].mark for name in ("web", "DNS", "model")} == {Mark.SKIPPED}


def test_the_mail_server_is_asked_by_the_same_connection_that_sends(bench: Bench) -> None:
    with a_sink() as (_, port):
        environ = bench.environ | {"NEWSLETTER_SMTP__URL": f"smtp://127.0.0.1:{port}"}
        assert backends.probe(load(environ, None, app.sections())) == ""
        login = environ | {"NEWSLETTER_SMTP__URL": f"smtp://ada@127.0.0.1:{port}", "SMTP_PASSWORD": "x"}
        assert "lacks what smtp.url asks for" in backends.probe(load(login, None, app.sections()))
    assert "cannot be reached" in backends.probe(load(environ, None, app.sections()))


def test_the_command_says_what_to_mend_and_ends_with_1(
    newsletter: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(home, "ada")
    for door in ("FEED", "LISTING"):
        monkeypatch.setenv(f"NEWSLETTER_ARXIV__{door}_URL", "http://127.0.0.1:9")
    done = newsletter("doctor")
    assert done.code == 1
    assert "✗ arXiv         http://127.0.0.1:9 does not answer" in done.out
    assert "✗ backup        there is no backup" in done.out
    assert "→ newsletter backup --to FOLDER" in done.out
    assert '"mark": "cross"' in newsletter("doctor", "--json").out
