"""The operator hears of each incident once, by every way there is, and once that it is over."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from newsletter import pipeline
from newsletter.delivery.breakers import OPEN
from newsletter.delivery.holds import Holds
from newsletter.errors import InputError, SettingsError, StoreError
from newsletter.models.days import Concern, Finding, Incident, Judged
from newsletter.models.editions import Composed
from newsletter.models.papers import MailingStatus
from newsletter.models.sends import NoticeKind
from newsletter.operations.alerts import Alert, Heartbeat, channels, tell
from newsletter.operations.status import RUN_AT
from newsletter.operations.usual import accept
from newsletter.operations.watch import Watch, watched
from newsletter.settings import load
from newsletter.sources.arxiv import HOURS
from newsletter.store import Store
from tests.builders import NOON, WEDNESDAY, a_mailing, a_paper
from tests.commands import Command
from tests.delivery import a_send
from tests.test_bad_input import a_line, a_listing, subscribe

CUT = Incident(Concern.PAPERS, "the mailing of 2026-11-18 looks cut", NOON)
ALERT = Alert("https://news.example.org", NOON, opened=(CUT,))
FINE = pipeline.Report((), ())


@dataclass
class Listener:
    """A web server that keeps what is posted to it."""

    url: str
    posted: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def a_listener() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            listener.posted.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener = Listener(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Bell:
    """A way to the operator, and a clock."""

    watch: Watch
    rung: list[Alert]

    def after(self, report: pipeline.Report | None = FINE, error: Exception | None = None) -> list[str]:
        """What is told after a run: + what is new, - what is over."""
        before = len(self.rung)
        self.watch.ended(report, error)
        return [
            f"{sign}{incident.concern}"
            for alert in self.rung[before:]
            for sign, incidents in (("+", alert.opened), ("-", alert.closed))
            for incident in incidents
        ]


@pytest.fixture
def bell(store: Store, tmp_path: Path) -> Bell:
    rung: list[Alert] = []
    return Bell(Watch(store, tmp_path, lambda: NOON, HOURS, ways={"bell": rung.append}), rung)


def test_a_failed_run_is_told_once_and_its_end_once(bell: Bell, store: Store) -> None:
    assert bell.after(error=OSError("no route")) == ["+run"]
    assert bell.after(error=OSError("no route")) == []
    assert not store.facts.get(RUN_AT), "no run came to its end"
    assert bell.after() == ["-run"]
    assert bell.after() == []
    assert store.facts.get(RUN_AT) == NOON.isoformat()


def test_paused_sending_is_one_incident_and_not_also_its_mails(bell: Bell, store: Store) -> None:
    store.mailings.save(a_mailing(a_paper(1)), NOON - timedelta(hours=5))
    a_send(store, "ada", NOON - timedelta(hours=5))
    store.facts.set(OPEN, "sending is paused: 550 for ada@example.org")
    assert bell.after() == ["+sending"]
    assert bell.rung[0].opened[0].said == "sending is paused: 550 for an address"
    store.facts.set(OPEN, "")
    assert bell.after() == ["+mails", "-sending"], "they are overdue, and that is now a thing of its own"


def test_a_process_beside_the_runs_tells_once_that_none_came(bell: Bell, store: Store) -> None:
    bell.watch.silent()
    assert bell.rung == [], "a new home has had no run yet"
    store.facts.set(RUN_AT, (NOON - timedelta(hours=30)).isoformat())
    bell.watch.silent()
    bell.watch.silent()
    assert [incident.said for alert in bell.rung for incident in alert.opened] == [
        "the last run came to its end 30 hours ago"
    ]
    assert bell.after() == ["-silence"]


def test_a_provider_that_refuses_the_sender_is_told_until_it_is_held_no_more(bell: Bell, store: Store) -> None:
    holds = Holds(store.facts, lambda address: address.rpartition("@")[2])
    holds.refused("ada@gmail.com", "421 4.7.28 unsolicited mail", NOON)
    assert bell.after() == ["+provider"]
    assert bell.rung[0].opened[0].said == "gmail.com refuses mail from this sender: 421 4.7.28 unsolicited mail"
    assert bell.after() == []
    holds.taken("bo@gmail.com", NOON + timedelta(hours=2))
    assert bell.after() == ["-provider"]


def test_subscribers_without_an_edition_are_named(bell: Bell) -> None:
    report = pipeline.Report((Composed("ada", failed=True), Composed("bo")), ())
    assert bell.after(report) == ["+readers"]
    assert bell.rung[0].opened[0].said.startswith("1 of 2 subscribers got no edition: ada;")
    assert bell.after() == ["-readers"]


def test_a_mailing_that_does_not_come_is_told_where_mailings_are_fetched(bell: Bell, store: Store) -> None:
    monday = replace(a_mailing(a_paper(1), day=WEDNESDAY - timedelta(days=2)), covered=("q-bio.PE",))
    late = replace(bell.watch, clock=lambda: NOON + timedelta(hours=4))
    store.mailings.save(a_mailing(a_paper(2), day=WEDNESDAY - timedelta(days=5)), NOON)
    assert Bell(late, bell.rung).after() == [], "mailings from files have no hour"
    store.mailings.save(monday, NOON)
    assert Bell(late, bell.rung).after() == ["+mailing"]
    partial = replace(a_mailing(a_paper(3), status=MailingStatus.PARTIAL), covered=("q-bio.PE",))
    store.mailings.save(partial, NOON)
    assert Bell(late, bell.rung).after() == []
    store.mailings.save(replace(partial, status=MailingStatus.COMPLETE), NOON)
    assert Bell(late, bell.rung).after() == ["-mailing"]


def test_a_database_that_cannot_be_written_is_told_once(bell: Bell, store: Store) -> None:
    db = store.database.utils
    db.conn.execute("PRAGMA max_page_count = 1")  # SQLite takes it for as many as there are
    _fill(store)
    assert bell.after(error=StoreError("the disk is full")) == ["+run"]
    assert bell.after(error=StoreError("the disk is full")) == []
    db.conn.execute("PRAGMA max_page_count = 999999")
    assert bell.after() == ["-run"]
    assert bell.after() == []


def _fill(store: Store) -> None:
    for number in range(9999):
        try:
            store.facts.set(f"ballast {number}", "x" * 99)
        except StoreError as error:
            assert "the disk is full" in str(error)
            return
    pytest.fail("the disk is not full")


def test_a_run_is_watched_from_its_first_ping_to_its_last(store: Store, tmp_path: Path) -> None:
    with a_listener() as listener:
        watch = Watch(store, tmp_path, lambda: NOON, HOURS, heartbeat=Heartbeat(f"{listener.url}/uuid"))
        with watched(watch) as ended:
            ended.report = FINE
        with pytest.raises(SettingsError), watched(watch):
            raise SettingsError("smtp.url: is no URL")
        with pytest.raises(InputError), watched(watch, whole=False):
            raise InputError("--date is wrong")
        with watched(watch) as ended:
            ended.report = FINE
    assert listener.posted == [
        ("/uuid/start", ""),
        ("/uuid", ""),
        ("/uuid/start", ""),
        ("/uuid/fail", "smtp.url: is no URL"),
        ("/uuid/start", ""),
        ("/uuid", ""),
    ]


def test_each_way_gets_the_alert(store: Store, tmp_path: Path) -> None:
    script = tmp_path / "hook.py"
    script.write_text("import sys; open(sys.argv[1], 'w').write(sys.stdin.read())", encoding="utf-8")
    with a_listener() as listener:
        environ = {
            "NEWSLETTER_MAIL__OPERATOR_ADDRESS": "op@example.org",
            "NEWSLETTER_ALERTS__COMMAND": f"{sys.executable} {script} {tmp_path / 'told'}",
            "NEWSLETTER_ALERTS__WEBHOOK": f"{listener.url}/hook",
        }
        assert tell(ALERT, channels(load(environ, None), store)) == []
    told = json.loads((tmp_path / "told").read_text(encoding="utf-8"))
    assert told == {
        "service": "https://news.example.org",
        "at": "2026-11-18T12:00:00+00:00",
        "subject": "Newsletter: the mailing of 2026-11-18 looks cut",
        "opened": [
            {"concern": "papers", "said": "the mailing of 2026-11-18 looks cut", "since": "2026-11-18T12:00:00+00:00"}
        ],
        "over": [],
    }
    assert [(path, json.loads(body)) for path, body in listener.posted] == [("/hook", told)]
    (notice,) = store.notices.waiting(NOON)
    assert (notice.kind, notice.address) == (NoticeKind.ALERT, "op@example.org")
    assert notice.facts["subject"] == "Newsletter: the mailing of 2026-11-18 looks cut"


def test_a_way_that_fails_is_said_and_blocks_no_other(store: Store) -> None:
    environ = {
        "NEWSLETTER_MAIL__OPERATOR_ADDRESS": "op@example.org",
        "NEWSLETTER_ALERTS__COMMAND": "false",
        "NEWSLETTER_ALERTS__WEBHOOK": "http://127.0.0.1:9/",
    }
    troubles = tell(ALERT, channels(load(environ, None), store))
    assert [trouble.split(":")[0] for trouble in troubles] == ["alerts.command", "alerts.webhook"]
    assert len(store.notices.waiting(NOON)) == 1
    assert Heartbeat("http://127.0.0.1:9").started().startswith("alerts.heartbeat: no answer")


@contextmanager
def a_stammerer() -> Iterator[str]:
    """The URL of a server that speaks no HTTP."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(9999)
            self.request.sendall(b"what?\r\n\r\n")

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/uuid"
        server.shutdown()


def test_what_answers_with_no_http_stops_no_run(store: Store, tmp_path: Path) -> None:
    with a_stammerer() as url:
        watch = Watch(store, tmp_path, lambda: NOON, HOURS, heartbeat=Heartbeat(url))
        with watched(watch) as ended:
            ended.report = FINE
    assert watch.troubles == ["alerts.heartbeat: no answer: OSError"] * 2
    assert Heartbeat("http://[::1").started() == "alerts.heartbeat: no answer: OSError"


def test_an_all_clear_says_since_when() -> None:
    over = Alert("", NOON, closed=(CUT,))
    assert over.subject == "Newsletter: over: the mailing of 2026-11-18 looks cut"
    assert over.lines == ("over: papers: the mailing of 2026-11-18 looks cut (since 2026-11-18 12:00 UTC)",)


def test_what_a_person_calls_usual_is_no_incident_any_more(store: Store) -> None:
    found = (Finding(Concern.TOKENS, "0 tokens a paper"), Finding(Concern.UNKNOWN, "1 mail is of unknown outcome"))
    store.incidents.turn(Judged(found), NOON)
    assert [incident.concern for incident in accept(store, NOON)] == [Concern.TOKENS]
    assert [incident.concern for incident in store.incidents.open()] == [Concern.UNKNOWN]


def test_the_command_run_watches_itself(newsletter: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(home, "ada")
    (home / "subscribers" / "bo.md").write_text("---\nfoo: 1\n---\n", encoding="utf-8")
    with a_listener() as listener:
        monkeypatch.setenv("NEWSLETTER_ALERTS__HEARTBEAT", f"{listener.url}/uuid")
        monkeypatch.setenv("NEWSLETTER_ALERTS__WEBHOOK", f"{listener.url}/hook")
        newsletter("run", "--listing", a_listing(home, *map(a_line, range(1, 20))))
        newsletter("run")
        subscribe(home, "bo")
        newsletter("run", "--only", "ada")
        newsletter("run")
    paths = [path for path, _ in listener.posted]
    assert paths == [
        "/uuid/start", "/hook", "/uuid/fail",
        "/uuid/start", "/uuid/fail",
        "/uuid/start", "/hook", "/uuid",
    ]  # fmt: skip
    opened, over = (json.loads(body) for path, body in listener.posted if path == "/hook")
    assert [incident["concern"] for incident in opened["opened"]] == ["readers"]
    assert [incident["concern"] for incident in over["over"]] == ["readers"]


def test_the_operators_mail_goes_out_with_the_run_that_found_something(
    newsletter: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(home, "ada")
    (home / "subscribers" / "bo.md").write_text("---\nfoo: 1\n---\n", encoding="utf-8")
    monkeypatch.setenv("NEWSLETTER_MAIL__OPERATOR_ADDRESS", "op@example.org")
    newsletter("run", "--listing", a_listing(home, *map(a_line, range(1, 20))))
    (letter,) = (home / "var" / "outbox" / "service").glob("*.eml")
    text = letter.read_text(encoding="utf-8")
    assert "To: op@example.org" in text
    assert "Subject: Newsletter: 1 of 2 subscribers got no edition: bo" in text
    newsletter("run")
    assert list((home / "var" / "outbox" / "service").glob("*.eml")) == [letter], "once"
