"""Twilio's own description of mail/send, in Prism, accepts every kind of edition that we send."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from newsletter.delivery import message
from newsletter.delivery.backends.sendgrid import Options
from newsletter.delivery.backends.sendgrid.client import SendGrid
from newsletter.models.editions import Cadence, Edition, Links
from newsletter.models.scores import Fault, Status, Trouble
from newsletter.models.sends import Outcome
from newsletter.rendering.templates import load_templates, render
from newsletter.sources import origins
from tests.builders import NOON, a_paper, an_edition, scored
from tests.delivery import OUTGOING

SPEC = Path(os.environ.get("NEWSLETTER_SHARED", Path(__file__).parents[3] / "shared")) / "peers" / "tsg_mail_v3.json"
PRISM = Path(__file__).parent / "node_modules" / ".bin" / "prism"
ODD = a_paper(
    9, title="Über \U0001d4d0 & <b>$\\alpha$</b> “quotes” – 数", authors=tuple(f"N. Ö {n}" for n in range(40))
)

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prism's address; it answers with an error to a request that the description does not allow."""
    if not SPEC.is_file():
        pytest.skip(f"Twilio's OpenAPI file is not at {SPEC}: it is not ours to copy")
    program = str(PRISM) if PRISM.is_file() else shutil.which("prism")
    assert program, "prism is missing: npm install --no-save @stoplight/prism-cli@5"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("prism") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([program, "mock", "-p", str(port), "--errors", str(SPEC)], stdout=out, stderr=out)
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            if b"Prism is listening" in log.read_bytes():
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def editions() -> dict[str, Edition]:
    listed = [scored(a_paper(n), novelty=n % 11 or None) for n in range(1, 60)]
    return {
        "full": an_edition(listed),
        "empty": an_edition(status=Status.NO_MATCH),
        "holiday": an_edition(status=Status.HOLIDAY),
        "fault": an_edition(listed[:2], status=Status.SCORING_FAULT, fault=Fault(Trouble.MODEL_STOPPED)),
        "catch-up": an_edition(listed[:3], cadence=Cadence.CATCH_UP, mailings=(date(2026, 11, 17), date(2026, 11, 18))),
        "odd": an_edition([scored(ODD)]),
        "german": an_edition(listed[:3], language="de"),
    }


@pytest.mark.parametrize("kind", list(editions()))
def test_every_kind_of_edition_is_accepted(prism: str, kind: str) -> None:
    url = "https://news.example.org/u/TOKEN"
    email = render(editions()[kind], Links(unsubscribe=url), load_templates(None, origins()))
    sender = "Übersicht <news@example.org>"
    envelope = message.Envelope("send000001", sender, "ada@example.org", "News", url, "leave@example.org")
    eml = message.build(email, envelope, NOON)
    backend = SendGrid(Options.model_validate({"host": prism}), "SG.key", lambda: NOON)
    receipt = backend.submit(replace(OUTGOING, eml=eml))
    assert receipt.outcome is Outcome.ACCEPTED, receipt.detail


def test_prism_would_refuse_a_wrong_request(prism: str) -> None:
    backend = SendGrid(Options.model_validate({"host": prism, "categories": ["same", "same"]}), "SG.key", lambda: NOON)
    assert backend.submit(OUTGOING).outcome is Outcome.FAILED
