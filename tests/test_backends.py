"""What every backend promises, whatever it is: one contract, one file each."""

import email.message
import email.policy
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.delivery import backends
from newsletter.delivery.backends import BackendOptions
from newsletter.delivery.backends.outbox import Outbox
from newsletter.delivery.backends.sendgrid import Options as SendGridOptions
from newsletter.delivery.backends.sendgrid.client import SendGrid
from newsletter.delivery.backends.smtp import Options as SmtpOptions
from newsletter.delivery.backends.smtp.client import Smtp
from newsletter.errors import SettingsError
from newsletter.models.sends import Backend, Outcome, Receipt
from newsletter.settings import load
from tests.builders import NOON
from tests.delivery import OUTGOING, a_sink
from tests.test_sendgrid import Api, api

__all__ = ["api"]
Received = Callable[[], int]


@contextmanager
def outbox(folder: Path, _: Api, reachable: bool) -> Iterator[tuple[Backend, Received]]:
    if not reachable:
        folder = folder / "file"
        folder.touch()
    with closing(Outbox(folder)) as backend:
        yield backend, lambda: len(list(folder.rglob("*.eml")))


@contextmanager
def smtp(_: Path, __: Api, reachable: bool) -> Iterator[tuple[Backend, Received]]:
    with a_sink() as (sink, port):
        url = f"smtp://127.0.0.1:{port if reachable else a_free_port()}"
        with closing(Smtp(SmtpOptions.model_validate({"url": url}))) as backend:
            yield backend, lambda: len(sink.envelopes)


@contextmanager
def sendgrid(_: Path, api: Api, reachable: bool) -> Iterator[tuple[Backend, Received]]:
    host = api.url if reachable else f"http://127.0.0.1:{a_free_port()}"
    with closing(SendGrid(SendGridOptions.model_validate({"host": host}), "SG.key", lambda: NOON)) as backend:
        yield backend, lambda: len(api.requests)


MADE: dict[str, Callable[[Path, Api, bool], AbstractContextManager[tuple[Backend, Received]]]] = {
    "outbox": outbox,
    "smtp": smtp,
    "sendgrid": sendgrid,
}


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize("name", backends.backends())
def test_a_message_is_taken_once_and_named(tmp_path: Path, api: Api, name: str) -> None:
    with MADE[name](tmp_path, api, True) as (backend, received):
        receipt = backend.submit(OUTGOING)
        assert receipt.outcome is Outcome.ACCEPTED
        assert receipt.provider_id
        assert receipt.detail
        assert received() == 1


@pytest.mark.parametrize("name", backends.backends())
def test_a_backend_that_is_not_there_is_a_receipt_not_an_exception(tmp_path: Path, api: Api, name: str) -> None:
    with MADE[name](tmp_path, api, False) as (backend, _):
        receipt = backend.submit(OUTGOING)
        assert isinstance(receipt, Receipt)
        assert (receipt.outcome, receipt.retry_after) == (Outcome.RETRY, None)
        assert receipt.detail


@pytest.mark.parametrize("name", backends.backends())
def test_odd_text_passes(tmp_path: Path, api: Api, name: str) -> None:
    text = "Größe – 数学 \U0001d4d0\r\n.\r\n..\r\nFrom the start\r\n" + "long " * 150
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = "Ü <news@example.org>", "ada@example.org", "数学" * 30
    message.set_content(text)
    with MADE[name](tmp_path, api, True) as (backend, received):
        assert backend.submit(replace(OUTGOING, eml=message.as_bytes())).outcome is Outcome.ACCEPTED
        assert received() == 1


@pytest.mark.parametrize("name", backends.backends())
def test_closing_twice_harms_nothing(tmp_path: Path, api: Api, name: str) -> None:
    with MADE[name](tmp_path, api, True) as (backend, _):
        backend.submit(OUTGOING)
        backend.close()
        backend.close()


@pytest.mark.parametrize("name", backends.backends())
def test_its_settings_have_lanes_and_a_rate(name: str) -> None:
    options = backends.module(name).Options
    assert issubclass(options, BackendOptions)
    assert options.section == name


@pytest.mark.parametrize("name", ["smtp", "sendgrid"])
@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("NEWSLETTER_MAIL__FROM", "mail.from"),
        ("NEWSLETTER_MAIL__POSTAL_ADDRESS", "mail.postal_address"),
        ("NEWSLETTER_MAIL__OPERATOR", "mail.operator"),
        ("NEWSLETTER_WEB__BASE_URL", "web.base_url"),
        ("NEWSLETTER_SECRET", "NEWSLETTER_SECRET"),
    ],
)
def test_a_backend_that_mails_people_refuses_to_work_half_configured(name: str, missing: str, named: str) -> None:
    environ = {
        "NEWSLETTER_MAIL__BACKEND": name,
        "NEWSLETTER_MAIL__FROM": "news@example.org",
        "NEWSLETTER_MAIL__POSTAL_ADDRESS": "1 Moss Lane",
        "NEWSLETTER_MAIL__OPERATOR": "ada@example.org",
        "NEWSLETTER_WEB__BASE_URL": "https://news.example.org",
        "NEWSLETTER_SECRET": "k" * 32,
        "SENDGRID_API_KEY": "SG.key",
    }
    backends.connect(load(environ, None, backends.sections())).close()
    del environ[missing]
    with pytest.raises(SettingsError, match=named):
        backends.connect(load(environ, None, backends.sections()))


def test_sendgrid_needs_its_key() -> None:
    with pytest.raises(SettingsError, match="SENDGRID_API_KEY"):
        backends.connect(load({"NEWSLETTER_MAIL__BACKEND": "sendgrid"}, None, backends.sections()))


def test_all_that_is_missing_is_named_at_once_with_where_it_belongs() -> None:
    settings = load(
        {"NEWSLETTER_MAIL__BACKEND": "smtp", "NEWSLETTER_SMTP__URL": "smtp://ada@mail.example.org:587"},
        None,
        backends.sections(),
    )
    with pytest.raises(SettingsError) as raised:
        backends.connect(settings)
    assert str(raised.value) == (
        "mail.backend = smtp needs mail.from, mail.operator, mail.postal_address, web.base_url (https), "
        "NEWSLETTER_SECRET and SMTP_PASSWORD: settings go to newsletter.toml, secrets to secrets.env or the environment; "
        "where the only topics file is that of mail.from itself, much less is needed"
    )


@pytest.mark.parametrize("secret", ["k" * 31, f"{'k' * 32},short"])
def test_a_secret_that_could_be_guessed_is_refused(secret: str) -> None:
    environ = {
        "NEWSLETTER_MAIL__BACKEND": "smtp",
        "NEWSLETTER_MAIL__FROM": "news@example.org",
        "NEWSLETTER_MAIL__POSTAL_ADDRESS": "1 Moss Lane",
        "NEWSLETTER_MAIL__OPERATOR": "Ada",
        "NEWSLETTER_WEB__BASE_URL": "https://news.example.org",
        "NEWSLETTER_SECRET": secret,
    }
    with pytest.raises(SettingsError, match="needs a NEWSLETTER_SECRET of at least 32 characters: "):
        backends.connect(load(environ, None, backends.sections()))


def test_who_mails_only_themself_needs_a_sender_and_a_password() -> None:
    environ = {"NEWSLETTER_MAIL__BACKEND": "smtp", "NEWSLETTER_SMTP__URL": "smtp://ada@mail.example.org:587"}
    with pytest.raises(SettingsError, match=r"needs mail\.from and SMTP_PASSWORD: "):
        backends.connect(load(environ, None, backends.sections()), just_me=True)
    environ |= {"NEWSLETTER_MAIL__FROM": "ada@example.org", "SMTP_PASSWORD": "hush"}
    backends.connect(load(environ, None, backends.sections()), just_me=True).close()
