"""`newsletter init`: makes a home folder; with --me a whole newsletter for one's own mail."""

import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.cli.actions import write_recipe
from newsletter.cli.drafting import drafted
from newsletter.cli.send_test import deliver
from newsletter.errors import InputError, NewsletterError
from newsletter.files import find, write_atomically
from newsletter.settings import SECRETS_FILE, load
from newsletter.topics.body import parse
from newsletter.topics.front_matter import with_front_matter

EXAMPLE = "reader"


@dataclass(frozen=True, slots=True)
class Own:
    """What one's own mail needs; `password` goes to secrets.env and is not shown."""

    address: str
    url: str
    categories: tuple[str, ...]
    topics: str
    password: str = field(default="", repr=False)

    @property
    def slug(self) -> str:
        """A name for the topics file, from the address."""
        plain = re.sub(r"[^a-z0-9._-]+", "-", self.address.partition("@")[0].lower()).strip("._-")
        return plain[:64] or "me"


def init(
    *,
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    me: Annotated[str, typer.Option("--me", metavar="ADDRESS", help="Your address, for mail of your own.")] = "",
    smtp: Annotated[
        str, typer.Option("--smtp", metavar="URL", help="Your mail server, such as smtps://ada@mail.example.org:465.")
    ] = "",
    topics: Annotated[
        str,
        typer.Option("--topics", metavar="FILE|IDS", help="A topics file, references (.bib, .ris, .json), arXiv ids."),
    ] = "",
    categories: Annotated[
        str, typer.Option("--categories", help="arXiv categories, such as cs.LG,stat.ML, where the file has none.")
    ] = "",
    actions: Annotated[
        bool, typer.Option("--actions", help="Write a GitHub Actions workflow, to run it without a server.")
    ] = False,
) -> None:
    """Make a home for a newsletter: settings, a topics file to change, nothing that mails anybody.

    With --me it is set up for your own mail, and a test is sent: what is missing is asked for on a terminal. The
    password is asked for, or taken from SMTP_PASSWORD, and kept in secrets.env, which only you may read.

    Examples:

        newsletter init my-newsletter

        newsletter init my-newsletter --me ada@example.org --smtp smtps://ada@mail.example.org:465 --topics library.bib

        newsletter init my-newsletter --actions
    """
    home = folder / app.SETTINGS_FILE
    if home.exists():
        raise InputError(f"{home} exists already: this is a newsletter's home")
    if me or smtp:
        own = _asked(me, smtp, topics, categories)
        create(folder, own)
        show.say(
            f"made {folder}: {app.SETTINGS_FILE}, subscribers/{own.slug}.md"
            + (f", {SECRETS_FILE}" * bool(own.password))
        )
    else:
        create(folder, None, _topics(topics, categories) if topics else "")
        show.say(f"made {folder} with {app.SETTINGS_FILE} and subscribers/{EXAMPLE}.md")
    if actions:
        for written in write_recipe(folder):
            show.say(f"wrote {written}")
        show.say(f"Push {folder} to a private repository; its README.md says the three steps")
    if not (me or smtp):
        _next_steps(folder)
        return
    try:
        show.say(deliver(load(os.environ, home.resolve(), app.sections()), own.address))
    except NewsletterError as error:
        raise NewsletterError(
            f"{error}. All is written; when that is mended: cd {folder} && newsletter send-test {own.address}"
        ) from None
    show.say(f"Next: cd {folder} && newsletter run --now     your first edition, from arXiv's newest mailing")
    show.say(f"Change what you read about in {folder}/subscribers/{own.slug}.md")


def create(folder: Path, own: Own | None = None, topics: str = "") -> None:
    """Writes the files of a new home. Raises InputError where it cannot be made."""
    settings = find("templates/newsletter.toml", None).read_text(encoding="utf-8")
    text = topics or find("templates/topics.md", None).read_text(encoding="utf-8")
    try:
        (folder / "subscribers").mkdir(parents=True, exist_ok=True)
        if own:
            settings = _set(settings, {"mail.backend": "smtp", "mail.from": own.address, "smtp.url": own.url})
            write_atomically(folder / "subscribers" / f"{own.slug}.md", own.topics.encode())
            if own.password:
                write_atomically(folder / SECRETS_FILE, f"SMTP_PASSWORD={_quoted(own.password)}\n".encode(), mode=0o600)
        elif not any((folder / "subscribers").glob("*.md")):
            write_atomically(folder / "subscribers" / f"{EXAMPLE}.md", text.encode())
        write_atomically(folder / app.SETTINGS_FILE, settings.encode())
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error


def _next_steps(folder: Path) -> None:
    example = f"subscribers/{EXAMPLE}.md"
    show.say("Next:")
    show.say(f"  cd {folder}")
    show.say(f"  edit {example} (rename it to somebody's name) and check it: newsletter topics check {example}")
    show.say("  newsletter run                  the emails land in var/outbox/ and mail nobody")


def _asked(me: str, smtp: str, topics: str, categories: str) -> Own:
    """What was given, what is asked for on a terminal. Raises InputError that names all that is missing elsewhere."""
    if not sys.stdin.isatty():
        missing = [name for name, value in (("--me ADDRESS", me), ("--smtp URL", smtp)) if not value]
        if missing:
            raise InputError(f"your own mail also needs {' and '.join(missing)}")
    address = me or typer.prompt("Your address")
    url = smtp or typer.prompt("Your mail server (smtps://name@mail.example.org:465)")
    bare, password = _without_password(url)
    if urlsplit(bare).username and not (password := password or os.environ.get("SMTP_PASSWORD", "")):
        if not sys.stdin.isatty():
            raise InputError(f"{bare} names a user: put the password into SMTP_PASSWORD")
        password = typer.prompt("Its password", hide_input=True)
    text = _topics(topics, categories)
    wishes = parse(text.encode(), "--topics").wishes
    named = wishes.categories
    if not named:
        if not sys.stdin.isatty():
            raise InputError("--topics names no categories: add --categories, such as cs.LG,stat.ML")
        named = _split(typer.prompt("arXiv categories to look into (such as cs.LG,stat.ML)"))
    text = with_front_matter(
        text, {"email": address} | ({} if wishes.categories else {"categories": list(named)}), "--topics"
    )
    parse(text.encode(), "--me", app.taxonomy())  # what the run would refuse is refused now
    return Own(address, bare, named, text, password)


def _topics(topics: str, categories: str) -> str:
    """A topics file's text from a file of topics, of references, or from arXiv ids; the example without any."""
    named = list(_split(categories))
    if not topics:
        text = find("templates/topics.md", None).read_text(encoding="utf-8")
    elif Path(topics).suffix == ".md":
        try:
            text = Path(topics).read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{topics}: cannot be read: {getattr(error, 'strerror', '') or 'no UTF-8'}") from error
    else:
        found = drafted(topics, load(os.environ, None, app.sections()), None)
        text, named = found.body, named or list(found.categories)
    return with_front_matter(text, {"categories": named}, topics) if named else text


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _without_password(url: str) -> tuple[str, str]:
    """The URL as settings may show it, and the password that stood in it. Raises InputError."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise InputError("--smtp: write smtp://name@mail.example.org:587 or smtps://name@mail.example.org:465")
    user = f"{quote(unquote(parts.username), safe='')}@" if parts.username else ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{user}{host}{port}", unquote(parts.password or "")


def _set(template: str, values: dict[str, str]) -> str:
    """The settings template with these keys set, in place of the comments that show their defaults."""
    lines, section = [], ""
    for line in template.split("\n"):
        if match := re.match(r"\[(\w+)\]", line):
            section = match[1]
        match = re.match(r"# ([a-z_]+) = ", line)
        key = f"{section}.{match[1]}" if match else ""
        lines.append(f"{key.partition('.')[2]} = {json.dumps(values[key])}" if key in values else line)
    return "\n".join(lines)


def _quoted(secret: str) -> str:
    return f"'{secret}'"
