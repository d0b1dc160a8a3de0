"""One email of 38 papers, from the edition to the final bytes: ours against the plain way, in the same run.

    python bench/render.py [ROUNDS] [--against CHECKOUT]      default: 60

With --against, a checkout of another commit renders the same edition too, in turns with this one.

The plain way fills the MJML source per subscriber, compiles it, inlines its CSS with premailer and lets EmailMessage
encode it. Both must show the same markup, else there is nothing to compare. Medians, the two ways taken in turns.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from newsletter.delivery import message  # noqa: E402
from newsletter.models.editions import Email  # noqa: E402
from newsletter.rendering import templates as rendering  # noqa: E402
from newsletter.rendering.digest import digest  # noqa: E402
from newsletter.rendering.frame import Sender  # noqa: E402
from newsletter.rendering.language import words  # noqa: E402
from newsletter.rendering.theme import Theme  # noqa: E402
from newsletter.sources import origins  # noqa: E402
from tests.editions import LINKS, NOW, sample_edition  # noqa: E402

PAPERS = 38
TIMES_AT_LEAST, HTML_TIMES_AT_LEAST = 5, 6
ENVELOPE = message.Envelope(
    "a1b2c3d4e5", "Moss News <moss@example.org>", "ada@example.org", "Moss", LINKS.unsubscribe, "moss@example.org"
)


class Markup(HTMLParser):
    """What a page is, whatever its entities and white space."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(" ".join(data.split()))


def main(rounds: int) -> int:
    edition, templates = sample_edition(PAPERS), rendering.load_templates(None, origins())
    spoken = words(edition.language)
    sender = Sender(templates.theme.name)
    context = rendering._context(LINKS, templates, spoken)
    source = rendering._environment(origins(), autoescape=True).from_string(
        rendering.themed((ROOT / "templates" / "digest.mjml").read_text(encoding="utf-8"), Theme())
    )
    told = digest(edition, LINKS, spoken, sender)
    ours = rendering.render(edition, LINKS, templates)

    def plain_message(email: Email) -> bytes:
        built = EmailMessage(policy=SMTP)
        built["From"], built["To"], built["Subject"] = ENVELOPE.sender, ENVELOPE.recipient, email.subject
        built.set_content(email.text, cte="quoted-printable")
        built.add_alternative(email.html, subtype="html", cte="quoted-printable")
        return built.as_bytes()

    filled = source.render(context, told=told)
    plain_html = rendering.compile_mjml(filled, Theme())
    if Markup(plain_html).found != Markup(ours.html).found:
        print("the two ways do not show the same markup: nothing to compare", file=sys.stderr)
        return 1

    stages: dict[str, Callable[[], object]] = {
        "ours: edition to what is told": lambda: digest(edition, LINKS, spoken, sender),
        "ours: HTML": lambda: templates.html.render(context, told=told),
        "ours: plain text": lambda: templates.text.render(context, told=told),
        "ours: message": lambda: message.build(ours, ENVELOPE, NOW),
        "plain: MJML filled": lambda: source.render(context, told=told),
        "plain: MJML compiled, CSS inlined": lambda: rendering.compile_mjml(filled, Theme()),
        "plain: EmailMessage": lambda: plain_message(ours),
    }
    taken: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(rounds):
        for name, stage in stages.items():
            started = time.perf_counter()
            stage()
            taken[name].append((time.perf_counter() - started) * 1000)
    ms = {name: statistics.median(times) for name, times in taken.items()}

    said, text = ms["ours: edition to what is told"], ms["ours: plain text"]
    plain_page = ms["plain: MJML filled"] + ms["plain: MJML compiled, CSS inlined"]
    all_ours = said + ms["ours: HTML"] + text + ms["ours: message"]
    all_plain = said + plain_page + text + ms["plain: EmailMessage"]
    print(f"{PAPERS} papers, {len(ours.html.encode())} bytes of HTML, medians of {rounds} rounds\n")
    for name, value in ms.items():
        print(f"{name:36}{value:8.2f} ms")
    print(f"\n{'ours, edition to bytes':36}{all_ours:8.2f} ms")
    print(f"{'plain, edition to bytes':36}{all_plain:8.2f} ms   {all_plain / all_ours:.1f} times ours")
    print(f"{'HTML alone':36}{'':11}   {plain_page / ms['ours: HTML']:.1f} times ours")
    good = all_plain >= TIMES_AT_LEAST * all_ours and plain_page >= HTML_TIMES_AT_LEAST * ms["ours: HTML"]
    return 0 if good else 1


ONE_EMAIL = """
import sys, time
sys.path.insert(0, {root!r})
from newsletter.delivery import message
from newsletter.rendering import templates as rendering
from newsletter.sources import origins
from tests.editions import LINKS, NOW, sample_edition
envelope = message.Envelope("a1b2c3d4e5", "m@example.org", "a@example.org", "Moss", LINKS.unsubscribe, "m@example.org")
templates, edition, taken = rendering.load_templates(None, origins()), sample_edition({papers}), []
for _ in range({rounds}):
    started = time.perf_counter()
    message.build(rendering.render(edition, LINKS, templates), envelope, NOW)
    taken.append((time.perf_counter() - started) * 1000)
print(min(taken))
"""


def against(checkout: str, rounds: int) -> None:
    """Edition to bytes, here and in another checkout: each in processes of its own, by turns; the fastest."""
    taken: dict[str, list[float]] = {str(ROOT): [], str(Path(checkout).resolve()): []}
    for _ in range(5):
        for root, fastest in taken.items():
            code = ONE_EMAIL.format(root=root, papers=PAPERS, rounds=rounds)
            done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
            fastest.append(float(done.stdout))
    for root, fastest in taken.items():
        print(f"{min(fastest):8.2f} ms   {root}")
    here, there = (min(fastest) for fastest in taken.values())
    print(f"{here / there:8.2f} of the other's time")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", nargs="?", type=int, default=60)
    parser.add_argument("--against", metavar="CHECKOUT")
    chosen = parser.parse_args()
    if chosen.against:
        against(chosen.against, chosen.rounds)
    sys.exit(main(chosen.rounds))
