"""The first ten minutes: a newcomer with an address and a mail server has their own mail, and knows what to do next."""

import io
import stat
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import cast

import pytest

from newsletter.topics.body import parse
from tests.commands import Command
from tests.delivery import Sink, a_sink
from tests.test_bad_input import a_line, a_listing


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    with a_sink() as made:
        yield made


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


def subjects(sink: Sink) -> list[str]:
    contents = (cast("bytes", envelope.content) for envelope in sink.envelopes)
    return [str(message_from_bytes(content, policy=policy.default)["Subject"]) for content in contents]


def test_two_commands_lead_to_ones_own_first_edition(
    newsletter: Command, tmp_path: Path, sink: tuple[Sink, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library.bib"
    library.write_text(
        "@misc{a, title={Moss growth on stones}, abstract={Moss growth follows rain.}}\n"
        "@misc{b, title={Moss growth in winter}, abstract={Moss growth stops.}}\n",
        encoding="utf-8",
    )
    mine = tmp_path / "mine"
    made = newsletter(
        *("init", mine, "--me", "Ada.Winter@example.org", "--smtp", f"smtp://127.0.0.1:{sink[1]}"),
        *("--topics", library, "--categories", "q-bio.PE"),
    )
    assert (made.code, made.err) == (0, "")
    assert "sent to Ada.Winter@example.org: 250" in made.out
    assert f"cd {mine} && newsletter run --now" in made.out
    monkeypatch.setenv("NEWSLETTER_HOME", str(mine))
    assert newsletter("run", "--listing", a_listing(tmp_path, *map(a_line, range(1, 20)))).code == 0
    assert [envelope.rcpt_tos for envelope in sink[0].envelopes] == [["Ada.Winter@example.org"]] * 2
    assert subjects(sink[0])[0] == "Preprint Post: a test"
    file = parse((mine / "subscribers" / "ada.winter.md").read_bytes(), "ada")
    assert (file.wishes.email, file.wishes.categories) == ("Ada.Winter@example.org", ("q-bio.PE",))
    assert [topic.name for topic in file.topics.topics] == ["Moss growth"]


def test_a_password_goes_to_a_file_of_ones_own_and_nowhere_else(
    newsletter: Command, tmp_path: Path, sink: tuple[Sink, int]
) -> None:
    mine = tmp_path / "mine"
    done = newsletter("init", mine, "--me", "ada@example.org", "--smtp", f"smtp://ada:s'cret%20x@127.0.0.1:{sink[1]}")
    secrets = mine / "secrets.env"
    assert secrets.read_text(encoding="utf-8") == "SMTP_PASSWORD='s'cret x'\n"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    settings = (mine / "newsletter.toml").read_text(encoding="utf-8")
    assert f'\nurl = "smtp://ada@127.0.0.1:{sink[1]}"' in settings
    assert "s'cret" not in settings + done.out + done.err
    assert done.code == 1, "this server takes no password"
    assert f"All is written; when that is mended: cd {mine} && newsletter send-test ada@example.org" in done.err


def test_what_is_missing_is_named_at_once_where_nobody_can_be_asked(newsletter: Command, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    assert "your own mail also needs --smtp URL" in newsletter("init", mine, "--me", "ada@example.org").err
    done = newsletter("init", mine, "--me", "ada@example.org", "--smtp", "smtps://ada@mail.example.org:465")
    assert (done.code, mine.exists()) == (2, False)
    assert "smtps://ada@mail.example.org:465 names a user: put the password into SMTP_PASSWORD" in done.err
    done = newsletter("init", mine, "--me", "ada@example.org", "--smtp", "mail.example.org")
    assert "--smtp: write smtp://name@mail.example.org:587 or smtps://" in done.err
    done = newsletter("init", mine, "--me", "ada", "--smtp", "smtp://localhost")
    assert (done.code, mine.exists()) == (2, False)
    assert "'ada' is not one plain address" in done.err


def test_on_a_terminal_it_asks(
    newsletter: Command, tmp_path: Path, sink: tuple[Sink, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"smtp://127.0.0.1:{sink[1]}\n"))
    mine = tmp_path / "mine"
    assert newsletter("init", mine, "--me", "ada@example.org").code == 0
    assert len(sink[0].envelopes) == 1


def test_a_test_mail_goes_by_the_backend_that_is_set(newsletter: Command, home: Path) -> None:
    done = newsletter("send-test", "ada@example.org")
    assert done.code == 0
    assert "; mail.backend = outbox mails nobody" in done.out
    (written,) = (home / "var" / "outbox").rglob("*.eml")
    assert message_from_bytes(written.read_bytes(), policy=policy.default)["To"] == "ada@example.org"


def test_a_test_mail_is_not_sent_to_who_asked_for_none_nor_half_configured(
    newsletter: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsletter("suppressions", "add", "ada@example.org")
    done = newsletter("send-test", "ada@example.org")
    assert (done.code, "ada@example.org is suppressed" in done.err) == (2, True)
    monkeypatch.setenv("NEWSLETTER_MAIL__BACKEND", "smtp")
    done = newsletter("send-test", "bo@example.org")
    assert (done.code, "needs mail.from, mail.operator" in done.err) == (2, True)


@pytest.mark.parametrize("address", ["nobody", "a b@example.org", "a@b\r\nBcc: c@example.org"])
def test_a_test_mail_needs_an_address(newsletter: Command, address: str) -> None:
    done = newsletter("send-test", address)
    assert (done.code, "is no email address that a message can carry" in done.err) == (2, True)


def test_a_refusal_of_the_server_is_said_with_what_to_do(
    newsletter: Command, home: Path, sink: tuple[Sink, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "subscribers" / "ada.md").write_text("---\nemail: ada@example.org\n---\n1. Moss\n", encoding="utf-8")
    for name, value in {"BACKEND": "smtp", "FROM": "ada@example.org"}.items():
        monkeypatch.setenv(f"NEWSLETTER_MAIL__{name}", value)
    monkeypatch.setenv("NEWSLETTER_SMTP__URL", f"smtp://127.0.0.1:{sink[1]}")
    sink[0].say["RCPT"] = "550 5.1.1 nobody here"
    done = newsletter("send-test", "ada@example.org")
    assert done.code == 1
    assert "ada@example.org: failed: 550 5.1.1 nobody here; look at the address and at mail.from" in done.err
