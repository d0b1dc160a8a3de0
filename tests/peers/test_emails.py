"""What programs of others say of the emails: a browser, axe-core, MJML, HTML and client-support linters, SpamAssassin.

Screenshots of every cadence and status stay in build/screenshots. What thresholds.json holds is the state once
accepted: nothing may get worse; after an improvement, write it anew with `THRESHOLDS=write make peers`.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from newsletter.delivery import message
from newsletter.rendering.templates import load_templates, render, themed
from newsletter.rendering.theme import Theme
from newsletter.settings import Mail
from newsletter.sources import origins
from tests.editions import LINKS, NOW, sample_edition, samples

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("emails")]
HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SCREENSHOTS = ROOT / "build" / "screenshots"
THRESHOLDS = HERE / "thresholds.json"
SPAM_AT_MOST = 1.5
SENDER = Mail.model_validate({"operator": "The Moss Institute", "postal_address": "12 Example Lane, 00000 Sampletown"})


@pytest.fixture(scope="module")
def emails(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each sample as .html and .eml, and the template in its theme."""
    folder = tmp_path_factory.mktemp("emails")
    templates = load_templates(None, origins(), Theme(), SENDER)
    most = {f"{length}-200": (sample_edition(200, length=length), LINKS) for length in ("brief", "page")}
    for name, (edition, links) in (samples() | most).items():
        email = render(edition, links, templates)
        sender = "Moss News <digest@news.example.org>"
        envelope = message.Envelope(
            "a1b2c3d4e5", sender, "ada@example.org", templates.mailer, links.unsubscribe, "digest@news.example.org"
        )
        (folder / f"{name}.html").write_text(email.html, encoding="utf-8")
        (folder / f"{name}.eml").write_bytes(message.build(email, envelope, NOW))
    source = (ROOT / "templates" / "digest.mjml").read_text(encoding="utf-8")
    (folder / "digest.mjml").write_text(themed(source, Theme()), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def linted(emails: Path) -> dict[str, Any]:
    return dict(json.loads(node("lint.mjs", emails / "digest.mjml", *sorted(emails.glob("*.html")))))


def node(script: str, *arguments: Path | str) -> str:
    if not (HERE / "node_modules").is_dir():
        pytest.fail("run `npm ci` in tests/peers first")
    command = ["node", str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def program(*names: str) -> str:
    return next((path for name in names if (path := shutil.which(name))), "") or pytest.fail(f"install {names[0]}")


def test_in_a_browser_every_mail_is_readable_in_light_and_dark_and_asks_nobody(emails: Path) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    pages = sorted(emails.glob("*.html"))
    looks = json.loads(node("look.mjs", program("chromium", "chromium-browser"), SCREENSHOTS, *pages))
    assert len(looks) == 4 * len(pages) == len(list(SCREENSHOTS.glob("*.png")))
    for look in looks:
        where = (look["name"], look["colorScheme"], look["width"])
        assert (where, look["violations"]) == (where, [])
        assert (where, look["remote"]) == (where, [])
        assert (where, look["overflow"]) == (where, False)


def test_the_template_is_strict_mjml(linted: dict[str, Any]) -> None:
    assert linted["mjml"] == []


def test_what_the_linters_say_does_not_get_worse(linted: dict[str, Any]) -> None:
    now = worst(linted["pages"].values())
    if os.environ.get("THRESHOLDS") == "write":
        THRESHOLDS.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    accepted = json.loads(THRESHOLDS.read_text(encoding="utf-8"))
    for rule, count in now["htmlValidate"].items():
        assert count <= accepted["htmlValidate"].get(rule, 0), rule
    for client, features in now["unsupported"].items():
        assert set(features) <= set(accepted["unsupported"].get(client, [])), client
    for client, score in now["compatibility"].items():
        assert score >= accepted["compatibility"][client], client
    assert now["accessibility"] >= accepted["accessibility"]
    assert now["spam"] >= accepted["spam"]


def worst(pages: Any) -> dict[str, Any]:
    """The worst that any page has, by linter and by what it names."""
    found: dict[str, Any] = {"htmlValidate": {}, "unsupported": {}, "compatibility": {}}
    for page in pages:
        for rule, count in page["htmlValidate"].items():
            found["htmlValidate"][rule] = max(count, found["htmlValidate"].get(rule, 0))
        for client, features in page["unsupported"].items():
            found["unsupported"][client] = sorted({*features, *found["unsupported"].get(client, [])})
        for client, score in page["compatibility"].items():
            found["compatibility"][client] = min(score, found["compatibility"].get(client, 100))
        for name in ("accessibility", "spam"):
            found[name] = min(page[name], found.get(name, 100))
    return found


def test_spamassassin_finds_nothing_to_say(emails: Path) -> None:
    files = sorted(emails.glob("*.eml"))
    command = [program("spamassassin"), "-L", "-t", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, check=True)
    scores = [float(score) for score in re.findall(r"^X-Spam-Status: .*?score=(-?[\d.]+)", done.stdout, re.MULTILINE)]
    assert len(scores) == len(files)
    assert max(scores) <= SPAM_AT_MOST
