"""What a full day prints, with model, refusals, bounces and web, is a log: no key, token, address or topics text in it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from newsletter.links import Purpose
from newsletter.store import Store
from tests.builders import NOON
from tests.delivery import a_sink
from tests.fake_model import FakeModel
from tests.test_model_end_to_end import serving

SECRET, KEY, PASSWORD = "5ecret" * 8, "sk-proj-abcdefghijklmnop", "pass-word-of-smtp"
TOPICS = "filamentous bryophytes on basalt"
READERS = ("ada", "bo", "cy")


def a_home(home: Path) -> Path:
    papers = [
        {"id": f"2611.{n:05}", "title": f"Moss {n}", "authors": ["Ada Winter"], "abstract": "Moss grows on stones.",
         "categories": ["q-bio.PE"], "primary_category": "q-bio.PE", "announced_on": "2026-11-18"}
        for n in range(20)
    ]  # fmt: skip
    (home / "mailing.jsonl").write_text("\n".join(map(json.dumps, papers)), encoding="utf-8")
    for slug in READERS:
        (home / "subscribers" / f"{slug}.md").write_text(
            f"---\nemail: {slug}@readers.example\ncategories: [q-bio.PE]\n---\n\n1. Moss\n   - Relevant: {TOPICS}\n",
            encoding="utf-8",
        )
    return home


def test_no_log_has_a_key_a_token_an_address_or_topics(home: Path, tmp_path: Path) -> None:
    a_home(home)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        web = probe.getsockname()[1]
    with a_sink() as (server, port), serving(FakeModel({f"Moss {n}": (9, 7) for n in range(20)})) as model:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "default",
            "NEWSLETTER_HOME": str(home),
            "NEWSLETTER_SECRET": SECRET,
            "NEWSLETTER_MAIL__BACKEND": "smtp",
            "NEWSLETTER_MAIL__FROM": "News <news@example.org>",
            "NEWSLETTER_MAIL__OPERATOR": "Ada <ada@readers.example>",
            "NEWSLETTER_MAIL__OPERATOR_ADDRESS": "op@readers.example",
            "NEWSLETTER_MAIL__POSTAL_ADDRESS": "1 Moss Lane",
            "NEWSLETTER_WEB__BASE_URL": "https://news.example.org",
            "NEWSLETTER_SMTP__URL": f"smtp://127.0.0.1:{port}",
            "SMTP_PASSWORD": PASSWORD,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": model.url,
        }

        def newsletter(*arguments: object) -> str:
            command = [sys.executable, "-m", "newsletter", *map(str, arguments)]
            done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
            return done.stdout + done.stderr

        newsletter("subscribers", "list")
        with Store.open(home / "var" / "newsletter.db") as store:
            for known in store.subscribers.known():
                store.subscribers.consent(known.id, known.email, "operator", NOON)
        said = [newsletter("run", "--listing", home / "mailing.jsonl")]
        assert "ada: sent" in said[0]
        with Store.open(home / "var" / "newsletter.db") as store:
            sends = list(store.sends.records())
            messages = [store.sends.message(record.send.id) or b"" for record in sends]
        # The next day one address is refused, one mail bounces and one reader leaves.
        server.say["RCPT"] = "550 5.1.1 <bo@readers.example>: no such user, says mx.readers.example"
        text = (home / "mailing.jsonl").read_text(encoding="utf-8").replace("2026-11-18", "2026-11-19")
        (home / "next.jsonl").write_text(text.replace("2611.", "2612."), encoding="utf-8")
        said.append(newsletter("run", "--listing", home / "next.jsonl"))
        assert "550 5.1.1 <an address>" in said[1]
        bounce = tmp_path / "bounce.eml"
        bounce.write_text(
            f"From: <>\nTo: bounces+{sends[0].send.id}@example.org\nMIME-Version: 1.0\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
            "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.readers.example\n\n"
            "Final-Recipient: rfc822; cy@readers.example\nAction: failed\nStatus: 5.1.1\n\n--b--\n",
            encoding="utf-8",
        )
        box = tmp_path / "box"
        box.write_text(f"From x Wed Nov 18 12:00:00 2026\n{bounce.read_text(encoding='utf-8')}\n", encoding="utf-8")
        said.append(newsletter("bounces", "--mbox", box))
        tokens = {token for message in messages for token in _tokens(message)}
        assert tokens
        command = [sys.executable, "-m", "newsletter", "schedule", "--web", "--port", str(web)]
        doors = {f"NEWSLETTER_ARXIV__{door}_URL": "http://127.0.0.1:9" for door in ("FEED", "OAI", "API", "LISTING")}
        quick = {"NEWSLETTER_ARXIV__RETRY_SECONDS": "0", "NEWSLETTER_ARXIV__DELAY_SECONDS": "0"}
        with (tmp_path / "schedule.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(command, env=environ | doors | quick, stdout=log, stderr=log)
            _ask(web, "GET", "/health")
            for token in tokens:
                for method, path in (("GET", f"/u/{token}"), ("POST", f"/u/{token}"), ("GET", f"/e/{token}")):
                    _ask(web, method, path)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        said.append((tmp_path / "schedule.log").read_text(encoding="utf-8"))
    everything = "\n".join(said)
    assert "scheduled {" in everything, "events are in the log"
    for what in (SECRET, KEY, PASSWORD, TOPICS, *tokens):
        assert what not in everything
    assert re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", everything) == []


def _tokens(message: bytes) -> list[str]:
    text = message.replace(b"=\r\n", b"").decode("ascii", "replace")
    return re.findall(rf"/(?:{Purpose.UNSUBSCRIBE}|{Purpose.EDITION})/([\w-]{{20,}})", text)


def _ask(port: int, method: str, path: str) -> None:
    """Asks until somebody answers; what is answered is not of interest."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", method=method, data=b"" if method == "POST" else None
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
            continue
        return
    raise AssertionError("nobody serves")
