"""Somebody who wants their own mail and nothing else: three settings, no consent, no link that needs a server."""

import json
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest

from tests.builders import a_topics_file
from tests.commands import Command
from tests.delivery import Sink, a_sink
from tests.test_bad_input import a_line, a_listing


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    with a_sink() as made:
        yield made


@pytest.fixture
def mine(home: Path, sink: tuple[Sink, int], newsletter: Command) -> Path:
    """A home with my own topics file and the three settings."""
    (home / "newsletter.toml").write_text(
        f'[mail]\nbackend = "smtp"\nfrom = "Ada <ada@example.org>"\n[smtp]\nurl = "smtp://127.0.0.1:{sink[1]}"\n',
        encoding="utf-8",
    )
    (home / "subscribers" / "ada.md").write_text(a_topics_file("ada"), encoding="utf-8")
    return home


def mailed(sink: Sink) -> EmailMessage:
    (envelope,) = sink.envelopes
    return message_from_bytes(cast("bytes", envelope.content), policy=policy.default)


def test_my_own_mail_needs_no_consent_and_has_no_link_to_a_server(
    newsletter: Command, mine: Path, sink: tuple[Sink, int]
) -> None:
    listing = a_listing(mine, *map(a_line, range(1, 20)))
    done = newsletter("run", "--listing", listing)
    assert done.code == 0
    message = mailed(sink[0])
    assert message["To"] == "ada@example.org"
    assert str(message["List-Unsubscribe"]).startswith("<mailto:")
    assert "List-Unsubscribe-Post" not in message
    for part in ("plain", "html"):
        text = cast("EmailMessage", message.get_body((part,))).get_content()
        assert "localhost" not in text
        assert "/u/" not in text
    assert newsletter("run", "--listing", listing).code == 0, "with nothing due all is well"


def test_a_second_subscriber_brings_the_full_rules_all_named_at_once(
    newsletter: Command, mine: Path, sink: tuple[Sink, int]
) -> None:
    (mine / "subscribers" / "bo.md").write_text(a_topics_file("bo"), encoding="utf-8")
    for command in (["run", "--listing", a_listing(mine, a_line())], ["serve"]):
        done = newsletter(*command)
        assert done.code == 2
        for key in ("mail.operator", "mail.postal_address", "web.base_url (https)", "NEWSLETTER_SECRET"):
            assert key in done.err
        assert "mail.from" in done.err.split("; where")[1], "which is set, and is named only for the easier way"
    assert sink[0].envelopes == []


def test_another_persons_only_file_is_not_me(newsletter: Command, mine: Path, sink: tuple[Sink, int]) -> None:
    (mine / "subscribers" / "ada.md").write_text(a_topics_file("ada", email="bo@example.org"), encoding="utf-8")
    done = newsletter("run", "--listing", a_listing(mine, a_line()))
    assert done.code == 2
    assert "mail.postal_address" in done.err


def test_a_mistake_in_my_file_is_named_rather_than_settings_i_do_not_need(
    newsletter: Command, mine: Path, sink: tuple[Sink, int]
) -> None:
    (mine / "subscribers" / "ada.md").write_text(a_topics_file("ada", foo="1"), encoding="utf-8")
    done = newsletter("run", "--listing", a_listing(mine, a_line()))
    assert done.code == 2
    assert "ada.md:4: unknown key foo" in done.err


def test_who_left_is_not_mailed_even_by_themself(newsletter: Command, mine: Path, sink: tuple[Sink, int]) -> None:
    newsletter("suppressions", "add", "ada@example.org")
    done = newsletter("run", "--listing", a_listing(mine, a_line()))
    assert done.code == 1
    assert sink[0].envelopes == []


def test_a_secret_in_the_secrets_file_is_found_and_the_environment_wins(
    newsletter: Command, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = (mine / "newsletter.toml").read_text(encoding="utf-8").replace("127.0.0.1", "ada@127.0.0.1")
    (mine / "newsletter.toml").write_text(url, encoding="utf-8")
    done = newsletter("run", "--listing", a_listing(mine, a_line()))
    assert done.code == 2
    assert "needs SMTP_PASSWORD: settings go to newsletter.toml, secrets to secrets.env or the environment" in done.err
    secrets = mine / "secrets.env"
    secrets.write_text("# mine\nexport SMTP_PASSWORD='pass word'\n", encoding="utf-8")
    secrets.chmod(0o644)
    assert f"run chmod 600 {secrets}" in newsletter("subscribers", "list").err
    secrets.chmod(0o600)
    assert "needs" not in newsletter("run", "--listing", a_listing(mine, a_line())).err
    secrets.write_text("SMTP_PASWORD=typo\n", encoding="utf-8")
    assert "secrets.env:1: SMTP_PASWORD is no secret; write NAME=value, with OPENAI" in newsletter("run").err


def test_a_run_in_which_nobody_agreed_says_how_to_record_it_and_fails(
    newsletter: Command, mine: Path, sink: tuple[Sink, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine / "subscribers" / "bo.md").write_text(a_topics_file("bo"), encoding="utf-8")
    for name, value in FULL.items():
        monkeypatch.setenv(name, value)
    listing = a_listing(mine, *map(a_line, range(1, 20)))
    done = newsletter("run", "--listing", listing)
    assert done.code == 1
    assert "nobody is mailed: each reader's consent must be on record" in done.err
    assert newsletter("subscribers", "add", mine / "subscribers" / "bo.md").code == 0
    assert newsletter("run", "--listing", listing).code == 0
    assert [envelope.rcpt_tos for envelope in sink[0].envelopes] == [["bo@example.org"]]
    report = json.loads(newsletter("run", "--listing", listing, "--json").out)
    assert {entry["subscriber"]: entry["failed"] for entry in report["subscribers"]} == {"ada": False, "bo": False}


def test_serve_refuses_a_secret_that_does_not_verify_what_was_mailed(
    newsletter: Command, mine: Path, sink: tuple[Sink, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in FULL.items():
        monkeypatch.setenv(name, value)
    newsletter("subscribers", "add", mine / "subscribers" / "ada.md")
    assert newsletter("run", "--listing", a_listing(mine, *map(a_line, range(1, 20)))).code == 0
    assert len(sink[0].envelopes) == 1
    monkeypatch.setenv("NEWSLETTER_SECRET", "n" * 32)
    done = newsletter("serve", "--port", str(sink[1]))
    assert done.code == 2
    assert "NEWSLETTER_SECRET does not verify the links that were mailed: put the earlier secret behind" in done.err
    monkeypatch.setenv("NEWSLETTER_SECRET", f"{'n' * 32},{FULL['NEWSLETTER_SECRET']}")
    done = newsletter("serve", "--port", str(sink[1]))
    assert "does not verify" not in done.err
    assert "Address already in use" in done.err, "the check is passed, and the port is the mail server's"


FULL = {
    "NEWSLETTER_MAIL__OPERATOR": "Ada",
    "NEWSLETTER_MAIL__POSTAL_ADDRESS": "1 Moss Lane",
    "NEWSLETTER_WEB__BASE_URL": "https://news.example.org",
    "NEWSLETTER_SECRET": "k" * 32,
}
