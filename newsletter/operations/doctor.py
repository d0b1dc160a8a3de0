"""Decides whether a set-up is sound, from what its probes find; each cross says what to do.

A check is a function of a patient: it yields what it found and asks nobody but the probes, so that each broken set-up
can be made in a test. Nothing is mailed, nobody is unsubscribed, no model is asked to write.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from newsletter.delivery import backends
from newsletter.delivery.backends.smtp import Options as Smtp
from newsletter.delivery.dns import Lookup
from newsletter.delivery.message import domain as domain_of
from newsletter.errors import NewsletterError, SettingsError
from newsletter.links import Purpose, keys_of
from newsletter.links import Signer as Links
from newsletter.models.subscribers import Problem, Subscriber, SubscriberStatus
from newsletter.money import shown_usd
from newsletter.operations import records
from newsletter.operations.forecast import forecast
from newsletter.operations.status import late, today
from newsletter.scoring.model.client import OpenAISettings
from newsletter.scoring.model.prices import prices_of
from newsletter.settings import Alerts, Settings
from newsletter.sources import origins
from newsletter.sources.arxiv import Options as Arxiv
from newsletter.store import Store

SECRET_FROM = 32  # characters: 128 bits in hexadecimal
SKEW = 60.0  # seconds: signatures of webhooks and TLS bear more, retries by the hour do not
ROOM = 500e6  # bytes
CLIP = 102_000  # bytes of HTML after which Gmail cuts (support.google.com/mail, "Message clipped")
SPAM = 3.0  # points; SpamAssassin's own limit is 5
BACKUP_WITHIN = 2 * 86400.0
NAMED = 3
OK, CREATED, MOVED, FORBIDDEN, NOT_FOUND = 200, 201, 300, 403, 404


class Mark(StrEnum):
    TICK = "tick"
    CROSS = "cross"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found; a cross says what to do (`mend`)."""

    name: str
    mark: Mark
    said: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Probes:
    """What reaches outside. `ask(method, url, headers, body)` follows no redirect and raises OSError."""

    ask: Callable[[str, str, Mapping[str, str], bytes], Answer]
    lookup: Lookup
    mail_server: Callable[[], str]  # why the mail server cannot be used, or nothing
    free: Callable[[Path], int]  # bytes
    whole: Callable[[Path], object]  # raises StoreError for a damaged database
    spam: Callable[[bytes], float | None]  # points; None where no judge is installed
    dkim_key: Callable[[str], str]  # the base64 of the public key of a private one's file; raises OSError, ValueError


@dataclass(frozen=True, slots=True)
class Sample:
    """An edition as it would be mailed: its message and the bytes of its HTML."""

    eml: bytes
    html: int


@dataclass(frozen=True)
class Patient:
    """A set-up under examination."""

    settings: Settings
    store: Store
    entries: tuple[Subscriber | Problem, ...]
    probes: Probes
    now: datetime
    sample: Callable[[], Sample | None] = lambda: None
    expected: Callable[[], str] = lambda: ""  # what a day will cost with the model, a sentence

    @property
    def mails_people(self) -> bool:
        return self.settings.mail.backend != "outbox"


Found = Iterator[Check]


def examine(patient: Patient) -> list[Check]:
    """All checks in order; one that fails by itself is a cross of its own."""
    found: list[Check] = []
    for check in _CHECKS:
        name = check.__name__.strip("_").replace("_", " ")
        try:
            found += check(patient)
        except Exception as error:  # noqa: BLE001 - a check that stumbles must not hide the others
            mend = "look at what it says, then run the doctor again"
            found.append(Check(name, Mark.CROSS, f"{type(error).__name__}: {error}", mend))
    return found


def _tick(name: str, said: str) -> Check:
    return Check(name, Mark.TICK, said)


def _cross(name: str, said: str, mend: str) -> Check:
    return Check(name, Mark.CROSS, said, mend)


def _skip(name: str, said: str) -> Check:
    return Check(name, Mark.SKIPPED, said)


def _said(name: str, found: records.Said, mend: str) -> Check:
    return _tick(name, found.said) if found.well else _cross(name, found.said, mend)


# What we have


def _settings(patient: Patient) -> Found:
    try:
        backends.connect(patient.settings).close()
    except SettingsError as error:
        yield _cross(
            "settings", str(error), "set it, then run the doctor again; templates/newsletter.toml explains each key"
        )
        return
    backend = patient.settings.mail.backend
    yield _tick("settings", f"{backend} can be used" if patient.mails_people else "the outbox: nobody is mailed")


def _secret(patient: Patient) -> Found:
    keys = keys_of(patient.settings.secret("NEWSLETTER_SECRET"))
    if not keys:
        if patient.mails_people:
            yield _cross("secret", "NEWSLETTER_SECRET is not set", "set it to the output of `openssl rand -hex 32`")
        return
    short = min(len(key) for key in keys)
    if short < SECRET_FROM:
        yield _cross(
            "secret",
            f"NEWSLETTER_SECRET has a key of {short} characters, which can be guessed",
            "put a new one in front (openssl rand -hex 32), and keep the old one behind a comma for 30 days",
        )
    else:
        yield _tick("secret", f"{len(keys)} key{'s' if len(keys) > 1 else ''}, long enough")


def _disk(patient: Patient) -> Found:
    database = patient.store.database.path
    free, size = patient.probes.free(database), database.stat().st_size
    if free < max(ROOM, 2 * size):
        yield _cross(
            "disk",
            f"{free / 1e6:.0f} MB free beside a database of {size / 1e6:.0f}",
            "make room: a full disk stops every run; keep_message_days and backup.keep_days bound what is kept",
        )
    else:
        yield _tick("disk", f"{free / 1e9:.1f} GB free, the database has {size / 1e6:.1f} MB")


def _database(patient: Patient) -> Found:
    try:
        patient.probes.whole(patient.store.database.path)
    except NewsletterError as error:
        yield _cross("database", str(error), "stop the service and put the last backup back: newsletter restore FOLDER")
    else:
        yield _tick("database", "opened and found whole")


def _topics_files(patient: Patient) -> Found:
    broken = [entry for entry in patient.entries if isinstance(entry, Problem)]
    if broken:
        yield _cross(
            "topics files", broken[0].message, f"mend it: newsletter topics check subscribers/{broken[0].slug}.md"
        )
    elif not patient.entries:
        yield _cross("topics files", "there are no subscribers", "add one: newsletter subscribers add FILE")
    else:
        yield _tick("topics files", f"{len(patient.entries)} can be read")


def _consent(patient: Patient) -> Found:
    if not patient.mails_people:
        return
    active = [e for e in patient.entries if isinstance(e, Subscriber) and e.status is SubscriberStatus.ACTIVE]
    barred = [(e.slug, why) for e in active if (why := patient.store.subscribers.barred(e))]
    if barred:
        names = ", ".join(slug for slug, _ in barred[:NAMED])
        yield _cross(
            "consent",
            f"{len(barred)} of {len(active)} active subscribers get no mail: {names}",
            "newsletter subscribers show SLUG says why; an address that agreed is recorded by `subscribers add`",
        )
    else:
        yield _tick("consent", f"on record for all {len(active)}")


# What reaches us


def _web(patient: Patient) -> Found:
    if not patient.mails_people:
        yield _skip("web", "the outbox's links need no web")
        return
    base = patient.settings.web.base_url.rstrip("/")
    start = "start it (newsletter serve, or schedule --web) and let the proxy pass everything to it: docs/deploy.md"
    try:
        health = patient.probes.ask("GET", f"{base}/health", {}, b"")
    except OSError as error:
        yield _cross("web", f"{base} does not answer: {error}", start)
        return
    if MOVED <= health.status < 400:
        yield _cross(
            "web", f"{base} redirects", "set web.base_url to where it leads: a mailbox's POST follows no redirect"
        )
        return
    if health.status != OK or b'"status"' not in health.body:
        yield _cross("web", f"{base}/health answers {health.status}, which is not ours", start)
        return
    yield _tick("web", f"{base} answers")
    yield from _links(patient, base)
    yield from _one_click(patient, base)
    yield from _webhook(patient, base)


def _links(patient: Patient, base: str) -> Found:
    """Whether the web reads what a run signs: a GET of a reader's own link, which changes nothing."""
    reader = next((e for e in patient.entries if isinstance(e, Subscriber)), None)
    if reader is None:
        return
    links = Links(base, keys_of(patient.settings.secret("NEWSLETTER_SECRET")))
    answer = patient.probes.ask("GET", links.url(Purpose.UNSUBSCRIBE, reader.id), {}, b"")
    if answer.status == OK:
        yield _tick("links", "the web reads what a run signs")
    else:
        yield _cross(
            "links",
            f"a reader's unsubscribe link answers {answer.status}",
            "give web and run the same NEWSLETTER_SECRET and the same home, then restart the web",
        )


def _one_click(patient: Patient, base: str) -> Found:
    """A mailbox's POST (RFC 8058), with a token that is nobody's: our own "unknown", without a way round."""
    body = b"List-Unsubscribe=One-Click"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = patient.probes.ask("POST", f"{base}/u/nobody", kind, body)
    if answer.status == NOT_FOUND and answer.headers.get("referrer-policy") == "no-referrer":
        yield _tick("one-click", "a mailbox's POST arrives")
        return
    yield _cross(
        "one-click",
        f"a mailbox's POST to /u/… is answered with {answer.status} by something else",
        "let the proxy pass POST to /u/ without redirect, login or cookie (RFC 8058 §3.2): docs/deploy.md",
    )


def _webhook(patient: Patient, base: str) -> Found:
    name = patient.settings.mail.backend
    if name != "sendgrid":
        return
    answer = patient.probes.ask("POST", f"{base}/webhooks/{name}", {"Content-Type": "application/json"}, b"[]")
    if answer.status == FORBIDDEN:
        yield _tick("webhook", "reports without SendGrid's signature are refused")
    elif answer.status == NOT_FOUND:
        yield _cross(
            "webhook",
            "no report of bounces and complaints is taken",
            "switch on the signed event webhook at SendGrid and set sendgrid.webhook_public_key, then restart the web",
        )
    else:
        yield _cross("webhook", f"an unsigned report is answered with {answer.status}", "restart the web of this home")


def _clock(patient: Patient) -> Found:
    base = patient.settings.web.base_url if patient.mails_people else patient.settings.of(Arxiv).listing_url
    try:
        answer = patient.probes.ask("GET", f"{base.rstrip('/')}/health" if patient.mails_people else base, {}, b"")
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (OSError, KeyError, ValueError):
        yield _skip("clock", "nobody told the time")
        return
    skew = (patient.now - theirs).total_seconds()
    if abs(skew) > SKEW:
        yield _cross("clock", f"this machine's clock is {skew:+.0f} s off", "switch on NTP: timedatectl set-ntp true")
    else:
        yield _tick("clock", f"{skew:+.0f} s off")


# What we reach


def _arxiv(patient: Patient) -> Found:
    options = patient.settings.of(Arxiv)
    try:
        answer = patient.probes.ask("GET", f"{options.feed_url.rstrip('/')}/cs.LG", {}, b"")
    except OSError as error:
        yield _cross("arXiv", f"{options.feed_url} does not answer: {error}", "let this machine reach it by HTTPS")
        return
    if answer.status == OK:
        yield _tick("arXiv", "its feeds answer")
    else:
        yield _cross(
            "arXiv", f"its feed answers {answer.status}", "set arxiv.contact, and wait: docs/arxiv.md, politeness"
        )


def _mail_server(patient: Patient) -> Found:
    if not patient.mails_people:
        return
    if trouble := patient.probes.mail_server():
        yield _cross("mail server", trouble, "check smtp.url, SMTP_PASSWORD or SENDGRID_API_KEY, and the way to it")
    else:
        yield _tick("mail server", "answers, and takes our credentials")


def _model(patient: Patient) -> Found:
    key, chosen = patient.settings.secret("OPENAI_API_KEY"), patient.settings.of(OpenAISettings)
    if not key:
        yield _skip("model", "no key: papers are ranked by similarity, and cost nothing")
        return
    try:
        prices_of(chosen.model, chosen.prices)
    except SettingsError as error:
        yield _cross("price", str(error), f'add [openai.prices."{chosen.model}"] to newsletter.toml')
    else:
        yield _tick("price", f"{chosen.model} has one{_a_day(patient)}")
    base = (patient.settings.secret("OPENAI_BASE_URL") or "https://api.openai.com/v1").rstrip("/")
    place = urlsplit(base).hostname
    try:
        answer = patient.probes.ask("GET", f"{base}/models", {"Authorization": f"Bearer {key}"}, b"")
    except OSError as error:
        yield _cross(
            "model", f"{place} does not answer: {type(error).__name__}", "check OPENAI_BASE_URL and the way to it"
        )
        return
    if answer.status in (401, FORBIDDEN):
        yield _cross("model", f"{place} refuses our key", "set OPENAI_API_KEY to a key that is valid and paid for")
    elif answer.status == OK and b'"id"' in answer.body and f'"{chosen.model}"'.encode() not in answer.body:
        yield _cross("model", f"{place} has no model {chosen.model}", "name one that it has in openai.model")
    else:
        yield _tick("model", f"{place} answers")


def _a_day(patient: Patient) -> str:
    days = [(row["day"], row["picodollars"]) for row in patient.store.charges.grouped("day")]
    ahead = forecast(days, patient.now.date())
    if ahead:
        return f"; a day costs USD {shown_usd(ahead.a_day)}"
    expected = patient.expected()
    return f"; expected of {expected}" if expected else ""


# What receivers see


def _dns(patient: Patient) -> Found:
    if not patient.mails_people:
        yield _skip("DNS", "the outbox needs no records")
        return
    sender, lookup = domain_of(patient.settings.mail.address), patient.probes.lookup
    try:
        yield _said(
            "MX", records.mx(sender, lookup), f"publish an MX record for {sender}, or mail from a domain that has one"
        )
        if patient.settings.mail.backend == "smtp":
            yield from _smtp_dns(patient.settings.of(Smtp), sender, patient.probes)
        dmarc = records.dmarc(sender, lookup)
        record = f"v=DMARC1; p=none; rua=mailto:postmaster@{sender}"
        mend = f'publish TXT _dmarc.{sender} "{record}", then tighten it (RFC 9989)'
        yield _said("DMARC", dmarc, mend)
    except OSError as error:
        yield _cross("DNS", str(error), "let this machine resolve names: /etc/resolv.conf")


def _smtp_dns(smtp: Smtp, sender: str, probes: Probes) -> Found:
    envelope = domain_of(smtp.bounce_address) if smtp.bounce_address else sender
    spf = records.spf(envelope, probes.lookup)
    yield _said(
        "SPF", spf, f'publish one TXT record at {envelope}, such as "v=spf1 mx -all", that names your mail server'
    )
    if not records.aligned(envelope, sender, probes.lookup):
        yield _cross(
            "alignment",
            f"bounces go to {envelope}, mail is from {sender}: SPF does not count for DMARC",
            f"set smtp.bounce_address to an address at {sender} or below it",
        )
    if not smtp.dkim_selector:
        yield _skip("DKIM", "your mail server signs: send yourself a test and look for dkim=pass in what arrives")
        return
    domain, ours = smtp.dkim_domain or sender, ""
    try:
        ours = probes.dkim_key(smtp.dkim_key_file) if smtp.dkim_key_file else ""
    except (OSError, ValueError) as error:
        yield _cross("DKIM", f"smtp.dkim_key_file: {error}", "name a private key in PEM form that this user may read")
        return
    mend = f"publish the public key of smtp.dkim_key_file as TXT {smtp.dkim_selector}._domainkey.{domain}"
    yield _said("DKIM", records.dkim(smtp.dkim_selector, domain, probes.lookup, ours), mend)
    if not records.aligned(domain, sender, probes.lookup):
        yield _cross("alignment", f"{domain} signs for {sender}", f"sign with a key of {sender}: smtp.dkim_domain")


def _sample(patient: Patient) -> Found:
    sample = patient.sample()
    if sample is None:
        yield _skip("sample", "no mailing is stored yet: newsletter fetch")
        return
    if sample.html > CLIP:
        yield _cross(
            "size", f"an edition has {sample.html / 1000:.0f} kB of HTML, and Gmail cuts at 102", "lower max_papers"
        )
    else:
        yield _tick("size", f"an edition has {sample.html / 1000:.0f} kB of HTML")
    points = patient.probes.spam(sample.eml)
    if points is None:
        yield _skip("spam", "SpamAssassin is not installed here (apt install spamassassin)")
    elif points > SPAM:
        yield _cross(
            "spam", f"SpamAssassin gives {points:.1f} points", "see which rules: spamassassin -L -t < the .eml"
        )
    else:
        yield _tick("spam", f"SpamAssassin gives {points:.1f} points")


# What goes on


def _backup(patient: Patient) -> Found:
    age = today(patient.store, patient.now).backup_age
    if age is None or age > BACKUP_WITHIN:
        said = "there is no backup" if age is None else f"the last backup is {age / 86400:.0f} days old"
        yield _cross("backup", said, "newsletter backup --to FOLDER, and daily: backup.to with schedule, or a timer")
    else:
        yield _tick("backup", f"{age / 3600:.0f} hours old")


def _alarm(patient: Patient) -> Found:
    alerts, mail = patient.settings.of(Alerts), patient.settings.mail
    ways = [
        name
        for name, value in (
            ("mail.operator_address", mail.operator_address),
            ("alerts.command", alerts.command),
            ("alerts.webhook", alerts.webhook),
            ("alerts.heartbeat", alerts.heartbeat),
        )
        if value
    ]
    if ways:
        yield _tick("alarm", f"by {', '.join(ways)}")
    elif patient.mails_people:
        yield _cross("alarm", "nobody would be told", "set mail.operator_address, and alerts.heartbeat beside it")


def _day(patient: Patient) -> Found:
    day = today(patient.store, patient.now)
    if day.run_age is None and not day.mailing:
        yield _skip("day", "there was no run yet")
        return
    troubles = [*late(day, patient.now, origins()["arxiv"].calendar), *(i.said for i in patient.store.incidents.open())]
    for trouble in troubles:
        yield _cross("day", trouble, "docs/incidents.md has a card for it; newsletter status shows the day")
    if not troubles:
        yield _tick("day", "on time")


_CHECKS: Iterable[Callable[[Patient], Found]] = (
    _settings, _secret, _disk, _database, _topics_files, _consent, _web, _clock, _arxiv, _mail_server, _model, _dns,
    _sample, _backup, _alarm, _day,
)  # fmt: skip
