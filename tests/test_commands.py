"""The commands of a first day: what they print, which files they make, with which code they end."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from newsletter import __version__
from newsletter import errors as newsletter_errors
from newsletter.errors import TopicsError
from newsletter.topics.body import parse
from tests.builders import a_topics_file
from tests.commands import Command
from tests.test_bad_input import DAY, a_line, a_listing, mail_of, subscribe


def test_the_version_is_printed(newsletter: Command) -> None:
    assert newsletter("--version").out == f"newsletter {__version__}\n"


def test_without_arguments_there_is_help(newsletter: Command) -> None:
    done = newsletter()
    assert "Usage" in done.out + done.err


def test_a_new_home_runs_and_mails_nobody(newsletter: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = tmp_path / "fresh"
    assert newsletter("init", fresh).code == 0
    monkeypatch.setenv("NEWSLETTER_HOME", str(fresh))
    assert "reader@example.org\tactive\tq-bio.PE stat.AP" in newsletter("subscribers", "list").out
    done = newsletter("run", "--listing", a_listing(tmp_path, a_line()))
    assert done.code == 0
    assert mail_of(fresh, "reader")["To"] == "reader@example.org"


def test_init_leaves_topics_files_alone(newsletter: Command, tmp_path: Path) -> None:
    folder = tmp_path / "fresh" / "subscribers"
    folder.mkdir(parents=True)
    (folder / "ada.md").write_text(a_topics_file(), encoding="utf-8")
    newsletter("init", tmp_path / "fresh")
    assert [path.name for path in folder.iterdir()] == ["ada.md"]


def test_a_day_is_run_once_however_often_it_is_asked_for(newsletter: Command, home: Path) -> None:
    subscribe(home, "ada")
    listing = a_listing(home, *map(a_line, range(1, 20)))
    first = newsletter("run", "--listing", listing)
    before = (home / "var" / "outbox" / DAY / "ada.eml").read_bytes()
    again = newsletter("run", "--listing", listing)
    assert (first.code, again.code) == (0, 0)
    assert "ada: has nothing due" in again.out
    assert (home / "var" / "outbox" / DAY / "ada.eml").read_bytes() == before


def test_a_changed_topics_file_changes_only_that_subscriber(newsletter: Command, tmp_path: Path) -> None:
    papers = [a_line(n, title=f"A ledger of {n} ropes", abstract="Wide barrels.") for n in range(1, 30)] + [
        a_line(30),
        a_line(31, title="Of tides and moss"),
    ]
    texts: list[dict[str, int]] = []
    for change in ({}, {"max_papers": "1"}):
        fresh = tmp_path / f"home{len(texts)}"
        (fresh / "subscribers").mkdir(parents=True)
        (fresh / "newsletter.toml").touch()
        for slug, front in (("ada", change), ("bo", {})):
            subscribe(fresh, slug, **front)
        done = newsletter_in(newsletter, fresh, "run", "--listing", a_listing(fresh, *papers), "--json")
        texts.append({entry["subscriber"]: entry["papers"] for entry in json.loads(done)["subscribers"]})
    assert texts == [{"ada": 2, "bo": 2}, {"ada": 1, "bo": 2}]


def newsletter_in(newsletter: Command, home: Path, *arguments: object) -> str:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NEWSLETTER_HOME", str(home))
        return newsletter(*arguments).out


def test_rank_orders_all_papers_of_a_file(newsletter: Command, home: Path) -> None:
    topics = subscribe(home, "ada")
    listing = a_listing(
        home, a_line(1, title="Ropes", abstract="", categories=["cs.LG"]), a_line(2), a_line(3, abstract=None)
    )
    done = newsletter("rank", "--listing", listing, "--topics", topics, "--format", "jsonl")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["id"] for line in lines] == ["2611.00002", "2611.00003", "2611.00001"]
    assert {key for line in lines for key in line} == {"id", "relevance", "novelty", "topic", "comment"}
    assert lines[0]["topic"] == "Moss"


def test_a_subscriber_is_added_listed_and_shown(newsletter: Command, home: Path, tmp_path: Path) -> None:
    plain = tmp_path / "topics.md"
    plain.write_text("1. Moss\n   - Relevant: stones\n", encoding="utf-8")
    assert newsletter("subscribers", "add", plain).code == 2
    done = newsletter(
        "subscribers", "add", plain, "--slug", "ada", "--email", "ada@example.org", "--categories", "cs.LG,math"
    )
    assert (done.code, done.out) == (0, "ada: added, ada@example.org, cs.LG, math\n")
    assert parse((home / "subscribers" / "ada.md").read_bytes(), "ada").wishes.categories == ("cs.LG", "math")
    listed = json.loads(newsletter("subscribers", "list", "--json").out)
    assert [(entry["subscriber"], entry["status"]) for entry in listed] == [("ada", "active")]
    assert "topics         Moss" in newsletter("subscribers", "show", "ada").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["subscribers", "show", "nobody"], "there is no subscriber nobody: see `newsletter subscribers list`"),
        (["run", "--only", "nobody"], "--only nobody: there is no"),
        (["preview"], "name a subscriber or an edition file"),
        (["preview", "nobody"], "there is no subscriber nobody"),
        (["preview", "--edition", "nothing.json"], "nothing.json: cannot be read"),
        (["topics", "check", "nothing.md"], "nothing.md: cannot be read: No such file or directory"),
    ],
)
def test_what_is_not_there_is_named(newsletter: Command, arguments: list[str], sentence: str) -> None:
    done = newsletter(*arguments)
    assert done.code == 2
    assert sentence in done.err


def test_an_address_has_one_subscriber(newsletter: Command, home: Path, tmp_path: Path) -> None:
    for slug, code in (("ada", 0), ("bo", 2)):
        file = tmp_path / f"{slug}.md"
        file.write_text(a_topics_file(slug, email="Ada@example.org"), encoding="utf-8")
        done = newsletter("subscribers", "add", file)
        assert done.code == code
    assert "Ada@example.org is the address of ada already" in done.err
    assert not (home / "subscribers" / "bo.md").exists()


def test_topics_are_checked_file_by_file(newsletter: Command, home: Path) -> None:
    good, bad = subscribe(home, "ada"), subscribe(home, "bo", foo="1")
    done = newsletter("topics", "check", bad, good)
    assert done.code == TopicsError.exit_code
    assert "bo.md:4: unknown key foo" in done.err
    assert "1. Moss: growth of moss on stones; not: trees" in done.out


def test_the_demo_ignores_home_and_environment(
    newsletter: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_MAIL__BACKEND", "nonsense")
    done = newsletter("demo", "--into", tmp_path / "demo")
    assert done.code == 0
    emails = [Path(line.strip()) for line in done.out.splitlines() if line.strip().endswith(".html")]
    assert [path.stem for path in emails] == ["ada", "emmy", "rosalind"]
    assert all(path.with_suffix(".eml").stat().st_size > 10_000 for path in emails)
    assert not (home / "var").exists()
    assert newsletter("demo", "--into", tmp_path / "demo").code == 0, "it may be run again"
    assert newsletter("demo", "--into", home).code == 2, "it never touches what it did not make"


def test_commands_start_without_what_only_some_of_them_need() -> None:
    loaded = "import sys, newsletter.cli.commands as all; all.command_line(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert "newsletter.cli.rank" in modules
    assert not {"openai", "mjml", "premailer", "sendgrid", "numpy", "pandas"} & set(modules)


@pytest.mark.parametrize(
    "words", [["--help"], ["-h"], ["run", "--help"], ["subscribers", "add", "-h"], ["topics", "--help"]]
)
def test_help_loads_nothing(words: list[str]) -> None:
    program = f"import sys; from newsletter.cli import main; main({words!r}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert " ".join(word for word in words if not word.startswith("-")) in done.stdout.splitlines()[1]
    modules = set(done.stderr.split())
    assert not {"typer", "pydantic", "numpy", "sqlite_utils", "rich"} & modules
    assert len(modules) < 120


def test_a_mistake_beside_help_is_still_said(newsletter: Command) -> None:
    assert newsletter("nonsense", "--help").code == 2
    assert newsletter("topics", "check", "nothing.md").code == 2


@pytest.mark.parametrize("format_", ["jsonl", "table"])
def test_a_reader_of_the_output_may_have_enough(home: Path, format_: str) -> None:
    topics = subscribe(home, "ada")
    listing = a_listing(home, *(a_line(number) for number in range(1, 3000)))
    command = [sys.executable, "-m", "newsletter", "rank", "--listing", str(listing), "--topics", str(topics)]
    with subprocess.Popen([*command, "--format", format_], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(), said) == (0, b"")


def test_a_port_that_cannot_be_is_refused_in_a_sentence(newsletter: Command) -> None:
    done = newsletter("serve", "--port", "80000")
    assert (done.code, "Traceback" in done.err) == (2, False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = newsletter("serve", "--port", port)
    assert done.code == 2
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in done.err
    assert "choose another with --host or --port" in done.err


def test_completion_is_offered(newsletter: Command) -> None:
    assert "--install-completion" in newsletter("--help").out


def test_ctrl_c_is_no_traceback(home: Path) -> None:
    program = (
        "import signal, os, sys; import newsletter.cli as cli; sys.modules['newsletter.cli.commands'] = None\n"
        "class Interrupted:\n    def find_spec(self, *_): raise KeyboardInterrupt\n"
        "del sys.modules['newsletter.cli.commands']; sys.meta_path.insert(0, Interrupted()); cli.main(['sends'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "newsletter: stopped\n")


def test_the_exit_codes_that_exist_are_those_documented() -> None:
    root = Path(__file__).parent.parent
    rows = re.findall(r"^\| (\d+) \|", (root / "docs" / "exit-codes.md").read_text(encoding="utf-8"), re.MULTILINE)
    errors = {error.exit_code for error in vars(newsletter_errors).values() if hasattr(error, "exit_code")}
    said = re.compile(r"(?:sys\.exit|typer\.Exit)\((\d+)\)|NOT_READY = (\d+)")
    sources = (path.read_text(encoding="utf-8") for path in (root / "newsletter").rglob("*.py"))
    numbers = {int(number) for source in sources for pair in said.findall(source) for number in pair if number}
    assert errors | numbers | {0} == {int(code) for code in rows}
