"""Settings: newsletter.toml, then the environment; secrets only from the environment or a file it names."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from newsletter.errors import SettingsError
from newsletter.settings import Run, Section, Settings, load


class Garden(Section):
    """A section that a module of its own would declare."""

    section: ClassVar[str] = "garden"
    stones: int = Field(3, ge=0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "newsletter.toml"


def loaded(file: Path, text: str = "", **environ: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load(environ, file, [Garden])


def test_an_empty_file_gives_the_defaults(file: Path) -> None:
    settings = loaded(file)
    assert (settings.mail.backend, settings.web.base_url) == ("outbox", "http://localhost:8000")
    assert settings.of(Garden).stones == 3
    assert settings.home == file.parent


def test_the_environment_outranks_the_file(file: Path) -> None:
    text = '[mail]\nbackend = "smtp"\n[run]\nworkers = 4\n'
    settings = loaded(file, text, NEWSLETTER_MAIL__BACKEND="outbox", NEWSLETTER_GARDEN__STONES="9")
    assert (settings.mail.backend, settings.run.workers, settings.of(Garden).stones) == ("outbox", 4, 9)


def test_variables_of_somebody_else_are_left_alone(file: Path) -> None:
    assert loaded(file, NEWSLETTER_HOME="/x", NEWSLETTER_COLOUR="red", NEWSLETTER_CLOUD__KEY="1", PATH="/bin")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[mial]\n", "newsletter.toml: unknown section [mial]; known sections: alerts, backup, garden, mail, run, web"),
        (
            "[run]\nworker = 2\n",
            "newsletter.toml: run.worker: unknown key; known keys of [run]: cluster, executor, workers",
        ),
        ("[run]\nworkers = 'many'\n", "newsletter.toml: run.workers: must be a whole number"),
        ("[run]\nworkers = 0\n", "newsletter.toml: run.workers: must be at least 1"),
        ("[mail]\nbackend = 7\n", "newsletter.toml: mail.backend: must be text"),
        ("[web]\nbase_url = 'example.org'\n", "newsletter.toml: web.base_url: must match ^https?://"),
        ("mail = 1\n", "newsletter.toml: mail must be a section: write [mail] on a line of its own"),
        ("[mail\n", "newsletter.toml: is not valid TOML: "),
        ("[run]\nworkers = 1\nworkers = 2\n", "newsletter.toml: is not valid TOML: "),
    ],
)
def test_an_error_names_file_and_key_and_what_is_known(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(file, text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_in_the_environment_names_the_variable(file: Path) -> None:
    with pytest.raises(SettingsError, match="NEWSLETTER_RUN__WORKERS: must be a whole number"):
        loaded(file, NEWSLETTER_RUN__WORKERS="many")
    with pytest.raises(
        SettingsError, match=r"NEWSLETTER_RUN__LANES: unknown key; known keys of \[run\]: cluster, executor, workers"
    ):
        loaded(file, NEWSLETTER_RUN__LANES="2")


def test_a_file_that_is_not_utf_8_is_named(file: Path) -> None:
    file.write_bytes(b"[mail]\noperator = '\xff'\n")
    with pytest.raises(SettingsError, match="is not valid TOML"):
        load({}, file)


def test_secrets_come_from_the_environment_or_a_file_it_names(file: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n", encoding="utf-8")
    settings = loaded(file, NEWSLETTER_SECRET=" one ", OPENAI_API_KEY_FILE=str(tmp_path / "key"))
    assert settings.secret("NEWSLETTER_SECRET") == "one"
    assert settings.secret("OPENAI_API_KEY") == "from a file"
    assert settings.secret("SENDGRID_API_KEY") == ""


def test_a_secret_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(SettingsError, match="SENDGRID_API_KEY_FILE: /nowhere/key cannot be read: No such file"):
        loaded(file, SENDGRID_API_KEY_FILE="/nowhere/key")


def test_a_secret_in_the_file_is_refused(file: Path) -> None:
    with pytest.raises(SettingsError, match="unknown section"):
        loaded(file, 'OPENAI_API_KEY = "sk-1"\n')


def test_secrets_never_show(file: Path) -> None:
    settings = loaded(file, NEWSLETTER_SECRET="hush", OPENAI_API_KEY="sk-hush")
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)


def test_settings_are_frozen(file: Path) -> None:
    with pytest.raises(Exception, match="frozen"):
        loaded(file).of(Run).workers = 3


def test_the_sender_may_have_a_name(file: Path) -> None:
    mail = loaded(file, '[mail]\nfrom = "News <news@example.org>"\n').mail
    assert (mail.sender, mail.address) == ("News <news@example.org>", "news@example.org")


def test_a_sender_without_an_address_is_refused(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"mail.from: .*'News' is no address; write news@example.org"):
        loaded(file, '[mail]\nfrom = "News"\n')
