"""Decides whether readers and providers reach us: the web, its links, one-click, the webhook; also the clock."""

from email.utils import parsedate_to_datetime

from newsletter.links import Purpose, keys_of
from newsletter.links import Signer as Links
from newsletter.models.subscribers import Subscriber
from newsletter.operations.doctor.patient import FORBIDDEN, MOVED, NOT_FOUND, OK, Found, Patient, cross, skip, tick
from newsletter.sources.arxiv import Options as Arxiv

SKEW = 60.0  # seconds: signatures of webhooks and TLS bear more, retries by the hour do not


def web(patient: Patient) -> Found:
    if not patient.mails_people:
        yield skip("web", "the outbox's links need no web")
        return
    base = patient.settings.web.base_url.rstrip("/")
    start = "start it (newsletter serve, or schedule --web) and let the proxy pass everything to it: docs/deploy.md"
    try:
        health = patient.probes.ask("GET", f"{base}/health", {}, b"")
    except OSError as error:
        yield cross("web", f"{base} does not answer: {error}", start)
        return
    if MOVED <= health.status < 400:
        yield cross(
            "web", f"{base} redirects", "set web.base_url to where it leads: a mailbox's POST follows no redirect"
        )
        return
    if health.status != OK or b'"status"' not in health.body:
        yield cross("web", f"{base}/health answers {health.status}, which is not ours", start)
        return
    yield tick("web", f"{base} answers")
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
        yield tick("links", "the web reads what a run signs")
    else:
        yield cross(
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
        yield tick("one-click", "a mailbox's POST arrives")
        return
    yield cross(
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
        yield tick("webhook", "reports without SendGrid's signature are refused")
    elif answer.status == NOT_FOUND:
        yield cross(
            "webhook",
            "no report of bounces and complaints is taken",
            "switch on the signed event webhook at SendGrid and set sendgrid.webhook_public_key, then restart the web",
        )
    else:
        yield cross("webhook", f"an unsigned report is answered with {answer.status}", "restart the web of this home")


def clock(patient: Patient) -> Found:
    base = patient.settings.web.base_url if patient.mails_people else patient.settings.of(Arxiv).listing_url
    try:
        answer = patient.probes.ask("GET", f"{base.rstrip('/')}/health" if patient.mails_people else base, {}, b"")
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (OSError, KeyError, ValueError):
        yield skip("clock", "nobody told the time")
        return
    skew = (patient.now - theirs).total_seconds()
    if abs(skew) > SKEW:
        yield cross("clock", f"this machine's clock is {skew:+.0f} s off", "switch on NTP: timedatectl set-ntp true")
    else:
        yield tick("clock", f"{skew:+.0f} s off")
