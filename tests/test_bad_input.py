"""Bad input through the real commands: each ends in one clear sentence or a complete email, and nothing is lost."""

import ctypes
import email
import gzip
import json
import os
import resource
import sqlite3
import subprocess
import sys
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from tests.builders import a_topics_file
from tests.commands import Command

DAY = "2026-11-18"


def a_line(number: int = 1, **fields: Any) -> str:
    """A line of a mailing file; None leaves a key out."""
    paper = {
        "id": f"2611.{number:05}",
        "title": f"On the growth of moss number {number}",
        "authors": ["Ada Winter"],
        "abstract": "We watch moss grow on stones and measure its colour.",
        "categories": ["q-bio.PE"],
        "primary_category": "q-bio.PE",
        "announced_on": DAY,
    } | fields
    return json.dumps({key: value for key, value in paper.items() if value is not None})


def a_listing(folder: Path, *lines: str | bytes) -> Path:
    path = folder / "mailing.jsonl"
    path.write_bytes(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))
    return path


def subscribe(home: Path, slug: str, **front: str) -> Path:
    path = home / "subscribers" / f"{slug}.md"
    path.write_text(a_topics_file(slug, **front), encoding="utf-8")
    return path


def mail_of(home: Path, slug: str, day: str = DAY) -> EmailMessage:
    raw = (home / "var" / "outbox" / day / f"{slug}.eml").read_bytes()
    return email.message_from_bytes(raw, policy=SMTP)


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def one_sentence(said: str) -> str:
    lines = said.splitlines()
    assert len(lines) == 1, said
    assert "Traceback" not in said
    return lines[0]


# Mailings


def test_of_two_lines_with_one_id_the_first_counts(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    done = newsletter("run", "--listing", a_listing(home, a_line(), a_line(title="Another title of moss")))
    assert done.code == 0
    assert (
        one_sentence(done.err)
        == "newsletter: mailing.jsonl:2: the paper 2611.00001 stands twice; the first line counts"
    )
    text = part(mail_of(home, "ada"), "plain")
    assert "On the growth of moss number 1" in text
    assert "Another title" not in text


@pytest.mark.parametrize(
    "fields",
    [
        {"abstract": None},
        {"authors": None, "comment": None},
        {"authors": []},
        {"primary_category": None},
        {"title": "\x00moss\x07 \x1b[31m\u202e\ud800\ufffe"},
        {"title": "moss <script>alert(1)</script>", "abstract": "</p><script>alert(2)</script> moss"},
        {"title": "moss {{ 65432 * 2 }} {% for %}"},
        {"title": "moss ]]> <!-- & &amp; -->"},
        {"title": "moss\r\nBcc: everybody@example.org"},
        {"title": "$\\frac{moss$ {{{{ \\"},
        {"title": "moss " * 4000},
        {"id": "math/0601001v3"},
        {"version": 10**30},
        {"version": "2", "comment": "\x00"},
        {"authors": ["<b>Eve</b>", "Ada\r\nX-Evil: 1"]},
    ],
)  # fmt: skip
def test_an_odd_paper_gives_a_complete_email(newsletter: Command, home: Path, fields: dict[str, Any]) -> None:
    subscribe(home, "ada")
    done = newsletter("run", "--listing", a_listing(home, a_line(2, **fields), *map(a_line, range(3, 9))))
    assert (done.code, done.err) == (0, "")
    message = mail_of(home, "ada")
    html, text = part(message, "html"), part(message, "plain")
    assert "moss" in text
    assert html.rstrip().endswith("</html>")
    assert "<script" not in html
    assert "130864" not in html
    assert not {"Bcc", "X-Evil"} & set(message.keys())
    assert not [c for c in text + html if ord(c) < 32 and c not in "\n\t\r"]


def test_three_thousand_authors_are_shortened_and_a_followed_one_is_kept(newsletter: Command, home: Path) -> None:
    names = [f"Author Number{n}" for n in range(2999)] + ["Ada Winter"]
    subscribe(home, "ada", authors="[Ada Winter]")
    assert newsletter("run", "--listing", a_listing(home, a_line(authors=names))).code == 0
    html = part(mail_of(home, "ada"), "html")
    assert "Ada Winter" in html
    assert "Number2998" not in html
    assert len(html) < 100_000


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"id": "2611.00002", "title": "bad \xff"}', "is not valid UTF-8 (byte 35 of the line)"),
        ("not json", "is not valid JSON"),
        ("[1, 2]", "is not a JSON object"),
        ("[" * 100_000, "is not valid JSON"),
        (a_line(2, title=None), "title: is missing"),
        (a_line(2, id=""), "id: is missing"),
        (a_line(2, title=7), "title: must be text"),
        (a_line(2, authors="Ada Winter"), "authors: must be a list of texts"),
        (a_line(2, announced_on="yesterday"), "announced_on: 'yesterday' is no date like 2026-11-18"),
        (a_line(2, submitted_at="noon"), "submitted_at: 'noon' is no time like 2026-11-18T12:00:00Z"),
        (a_line(2, announce_type="rumour"), "announce_type: 'rumour' is none of new, cross, replace"),
    ],
)
def test_a_bad_line_is_named_and_harms_only_itself(
    newsletter: Command, home: Path, line: str | bytes, sentence: str
) -> None:
    subscribe(home, "ada")
    done = newsletter("run", "--listing", a_listing(home, a_line(1), line, a_line(3)))
    assert done.code == 0
    assert one_sentence(done.err).startswith(f"newsletter: mailing.jsonl:2: {sentence}")
    assert "moss number 3" in part(mail_of(home, "ada"), "plain")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<html>\n", "mailing.jsonl:1: is not valid JSON: Expecting value: line 1 column 1 (char 0) (and no line"),
        (b"<html>", "mailing.jsonl:1: the file is cut off in its last line: fetch it again"),
        (gzip.compress(a_line().encode())[:-9], "the gzip file is cut off: fetch it again"),
        (b"\x1f\x8bnonsense", "cannot be read"),
    ],
)
def test_a_file_that_is_no_mailing_is_refused(newsletter: Command, home: Path, content: bytes, sentence: str) -> None:
    path = home / "mailing.jsonl"
    path.write_bytes(content)
    for command in (["run"], ["fetch"], ["rank", "--topics", subscribe(home, "ada")]):
        done = newsletter(*command, "--listing", path)
        assert (done.code, done.out) == (2, "")
        assert sentence in one_sentence(done.err)


def test_a_missing_mailing_file_is_named(newsletter: Command, home: Path) -> None:
    done = newsletter("run", "--listing", home / "nothing.jsonl")
    assert done.code == 2
    assert one_sentence(done.err).endswith("nothing.jsonl: cannot be read: No such file or directory")


# Topics files


@pytest.mark.parametrize(
    ("front", "sentence"),
    [
        ({"foo": "1"}, "bo.md:4: unknown key foo; known keys: email,"),
        ({"min_relevance": "7\nmin_relevance: 8"}, "bo.md:5: the key min_relevance stands twice"),
        ({"categories": "[cs.XX]"}, "bo.md:3: categories: there is no category 'cs.XX'"),
        ({"deliver": "{timezone: Moon}"}, "bo.md:4: deliver.timezone: unknown time zone 'Moon'"),
        ({"email": ""}, "bo.md: email: is missing; add it to the front matter"),
        ({"categories": ""}, "bo.md: categories: is missing; add it to the front matter"),
    ],
)
def test_a_bad_topics_file_is_named_and_the_others_get_their_mail(
    newsletter: Command, home: Path, front: dict[str, str], sentence: str
) -> None:
    subscribe(home, "ada")
    subscribe(home, "bo", **front)
    done = newsletter("run", "--listing", a_listing(home, a_line()))
    assert done.code == 1
    assert sentence in one_sentence(done.err)
    assert [path.stem for path in (home / "var" / "outbox").rglob("*.eml")] == ["ada"]


def test_a_topics_file_that_is_not_utf_8_is_named_by_line(newsletter: Command, home: Path) -> None:
    (home / "subscribers" / "bo.md").write_bytes(b"---\nemail: b\xf6@example.org\n---\n")
    done = newsletter("run", "--listing", a_listing(home, a_line()))
    assert done.code == 1
    assert one_sentence(done.err) == "newsletter: bo.md:2: is not valid UTF-8 (byte 12)"


def test_of_two_files_with_one_address_the_one_known_longer_keeps_getting_mail(newsletter: Command, home: Path) -> None:
    subscribe(home, "mo", email="Ada@example.org")
    assert newsletter("run", "--listing", a_listing(home, a_line(1))).code == 0
    subscribe(home, "ada", email="ada@Example.org")
    done = newsletter("run", "--listing", a_listing(home, a_line(2, announced_on="2026-11-19")))
    assert done.code == 1
    assert (
        one_sentence(done.err) == "newsletter: ada.md: email: mo.md has the same address; one subscriber has one file"
    )
    assert [path.stem for path in (home / "var/outbox/2026-11-19").rglob("*.eml")] == ["mo"]


def test_a_broken_file_pauses_nobody_for_good(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    newsletter("run", "--listing", a_listing(home, a_line(1)))
    subscribe(home, "ada", foo="1")
    assert newsletter("run", "--listing", a_listing(home, a_line(2, announced_on="2026-11-19"))).code == 1
    subscribe(home, "ada")
    assert newsletter("run", "--listing", a_listing(home, a_line(2, announced_on="2026-11-19"))).code == 0
    assert "moss number 2" in part(mail_of(home, "ada", "2026-11-19"), "plain")


# Homes and settings


@pytest.mark.parametrize("arguments", [["run"], ["fetch"], ["subscribers", "list"], ["preview", "ada"]])
def test_a_wrong_folder_is_refused_and_left_alone(
    newsletter: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    wrong = tmp_path / "elsewhere"
    wrong.mkdir()
    monkeypatch.setenv("NEWSLETTER_HOME", str(wrong))
    done = newsletter(*arguments)
    assert done.code == 2
    assert one_sentence(done.err) == (
        f"newsletter: {wrong} has no newsletter.toml: go to your newsletter's folder, set NEWSLETTER_HOME, "
        "or make one with `newsletter init DIR`"
    )
    assert list(wrong.iterdir()) == []


def test_a_folder_is_made_a_home_only_once(newsletter: Command, home: Path) -> None:
    done = newsletter("init", home)
    assert done.code == 2
    assert one_sentence(done.err).endswith("newsletter.toml exists already: this is a newsletter's home")


def test_a_setting_that_is_unknown_is_named_with_the_known_ones(newsletter: Command, home: Path) -> None:
    (home / "newsletter.toml").write_text('[mail]\nbackend = "outbox"\nform = "a@b.org"\n', encoding="utf-8")
    done = newsletter("run")
    assert done.code == 2
    assert "newsletter.toml: mail.form: unknown key; known keys of [mail]: backend, from, operator" in one_sentence(
        done.err
    )


# Disks and databases


def test_a_database_of_a_newer_version_is_left_alone(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    newsletter("run", "--listing", a_listing(home, a_line()))
    with sqlite3.connect(home / "var" / "newsletter.db") as database:
        database.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('newsletter', 'm999_future', '')"
        )
    database.close()
    before = (home / "var" / "newsletter.db").read_bytes()
    done = newsletter("run", "--listing", a_listing(home, a_line(2)))
    assert done.code == 1
    assert "made by a newer newsletter (it has m999_future): upgrade this one, then run again" in one_sentence(done.err)
    assert (home / "var" / "newsletter.db").read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"this is no database, it is a sentence" * 40, b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_a_file_that_is_no_database_is_left_alone(newsletter: Command, home: Path, content: bytes) -> None:
    (home / "var").mkdir()
    (home / "var" / "newsletter.db").write_bytes(content)
    done = newsletter("run", "--listing", a_listing(home, a_line()))
    assert done.code == 1
    assert "newsletter.db: it is" in one_sentence(done.err)
    assert (home / "var" / "newsletter.db").read_bytes() == content


def in_a_process(home: Path, *arguments: object, largest_file: int = 0) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own that keeps to the file modes even for root, and to a size of files."""

    def confine() -> None:
        if os.geteuid() == 0:
            for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
                ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
        if largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run(
        [sys.executable, "-m", "newsletter", *map(str, arguments)],
        env={**os.environ, "NEWSLETTER_HOME": str(home)},
        preexec_fn=confine,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_disk_is_one_sentence_and_loses_nothing(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    newsletter("run", "--listing", a_listing(home, a_line()))
    listing = a_listing(home, *(a_line(n, announced_on="2026-11-19", abstract="moss " * 400) for n in range(2, 900)))
    full = in_a_process(home, "run", "--listing", listing, largest_file=1_200_000)
    assert full.returncode == 1
    assert "newsletter.db: the disk reports an error: is it full, or a quota used up?" in one_sentence(full.stderr)
    again = newsletter("run", "--listing", listing)
    assert (again.code, again.err) == (0, "")
    assert "moss" in part(mail_of(home, "ada", "2026-11-19"), "plain")
    assert "moss" in part(mail_of(home, "ada"), "plain")


def test_an_outbox_that_cannot_be_written_is_tried_again(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    newsletter("run", "--listing", a_listing(home, a_line()), "--no-send")
    (home / "var" / "outbox").write_text("in the way", encoding="utf-8")
    done = newsletter("run", "--listing", a_listing(home, a_line()))
    assert done.code == 1
    assert "newsletter: ada: retry: " in one_sentence(done.err)


@pytest.mark.parametrize(
    ("locked", "sentence"),
    [
        ([""], "var: cannot be made: Permission denied"),
        (["var"], "newsletter.db: it is read-only: make the file and its folder writable and run again"),
        (["var/newsletter.db"], "newsletter.db: it is read-only: make the file and its folder writable and run again"),
        (["newsletter.toml"], "newsletter.toml: cannot be read: Permission denied"),
    ],
)
def test_a_read_only_home_is_one_sentence(newsletter: Command, home: Path, locked: list[str], sentence: str) -> None:
    subscribe(home, "ada")
    if locked != [""]:
        newsletter("run", "--listing", a_listing(home, a_line(1)))
    listing = a_listing(home, a_line(2, announced_on="2026-11-19"))
    paths = [home / name for name in locked]
    modes = [path.stat().st_mode for path in paths]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o000 if path.suffix == ".toml" else 0o444)
    try:
        done = in_a_process(home, "run", "--listing", listing)
    finally:
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)
    assert done.returncode in (1, 2)
    assert sentence in one_sentence(done.stderr)
    assert newsletter("run", "--listing", listing).code == 0


def test_a_topics_file_that_cannot_be_read_harms_only_its_subscriber(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    subscribe(home, "bo").chmod(0o000)
    done = in_a_process(home, "run", "--listing", a_listing(home, a_line()))
    assert done.returncode == 1
    assert one_sentence(done.stderr) == "newsletter: bo.md: cannot be read: Permission denied"
    assert mail_of(home, "ada")["To"] == "ada@example.org"
