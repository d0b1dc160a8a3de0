"""Decides whether we reach what a day needs: arXiv, the mail server, the model at a known price."""

from urllib.parse import urlsplit

from newsletter.errors import SettingsError
from newsletter.money import shown_usd
from newsletter.operations.doctor.patient import FORBIDDEN, OK, Found, Patient, cross, skip, tick
from newsletter.operations.forecast import forecast
from newsletter.scoring.model.client import OpenAISettings
from newsletter.scoring.model.prices import prices_of
from newsletter.sources.arxiv import Options as Arxiv


def arxiv(patient: Patient) -> Found:
    options = patient.settings.of(Arxiv)
    try:
        answer = patient.probes.ask("GET", f"{options.feed_url.rstrip('/')}/cs.LG", {}, b"")
    except OSError as error:
        yield cross("arXiv", f"{options.feed_url} does not answer: {error}", "let this machine reach it by HTTPS")
        return
    if answer.status == OK:
        yield tick("arXiv", "its feeds answer")
    else:
        yield cross(
            "arXiv", f"its feed answers {answer.status}", "set arxiv.contact, and wait: docs/arxiv.md, politeness"
        )


def mail_server(patient: Patient) -> Found:
    if not patient.mails_people:
        return
    if trouble := patient.probes.mail_server():
        yield cross("mail server", trouble, "check smtp.url, SMTP_PASSWORD or SENDGRID_API_KEY, and the way to it")
    else:
        yield tick("mail server", "answers, and takes our credentials")


def model(patient: Patient) -> Found:
    key, chosen = patient.settings.secret("OPENAI_API_KEY"), patient.settings.of(OpenAISettings)
    if not key:
        yield skip("model", "no key: papers are ranked by similarity, and cost nothing")
        return
    try:
        prices_of(chosen.model, chosen.prices)
    except SettingsError as error:
        yield cross("price", str(error), f'add [openai.prices."{chosen.model}"] to newsletter.toml')
    else:
        yield tick("price", f"{chosen.model} has one{_a_day(patient)}")
    base = (patient.settings.secret("OPENAI_BASE_URL") or "https://api.openai.com/v1").rstrip("/")
    place = urlsplit(base).hostname
    try:
        answer = patient.probes.ask("GET", f"{base}/models", {"Authorization": f"Bearer {key}"}, b"")
    except OSError as error:
        yield cross(
            "model", f"{place} does not answer: {type(error).__name__}", "check OPENAI_BASE_URL and the way to it"
        )
        return
    if answer.status in (401, FORBIDDEN):
        yield cross("model", f"{place} refuses our key", "set OPENAI_API_KEY to a key that is valid and paid for")
    elif answer.status == OK and b'"id"' in answer.body and f'"{chosen.model}"'.encode() not in answer.body:
        yield cross("model", f"{place} has no model {chosen.model}", "name one that it has in openai.model")
    else:
        yield tick("model", f"{place} answers")


def _a_day(patient: Patient) -> str:
    days = [(row["day"], row["picodollars"]) for row in patient.store.charges.grouped("day")]
    ahead = forecast(days, patient.now.date())
    if ahead:
        return f"; a day costs USD {shown_usd(ahead.a_day)}"
    expected = patient.expected()
    return f"; expected of {expected}" if expected else ""
