"""Invents what a rehearsal needs: papers made of the demo's sentences, and readers with topics like the examples'."""

import json
import random
import re
from datetime import date, datetime
from pathlib import Path

from newsletter.files import PACKAGE, find
from newsletter.models.papers import Paper
from newsletter.models.subscribers import Subscriber
from newsletter.sources import taxonomy
from newsletter.store import Store
from newsletter.subscribers.roster import roster

_ZONES = ("America/Los_Angeles", "America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC")


class Invented:
    """Papers made of the demo's sentences, the same for the same day and seed."""

    def __init__(self, count: int, seed: int) -> None:
        lines = (PACKAGE / "demo" / "mailing.jsonl").read_text(encoding="utf-8").splitlines()
        self._demo = [json.loads(line) for line in lines]
        self._count, self._seed = count, seed

    def papers(self, day: date) -> tuple[Paper, ...]:
        """Those of one day; Tuesdays have more, as at arXiv."""
        chance = random.Random(f"{self._seed} {day}")  # noqa: S311 - no secret
        count = round(self._count * chance.uniform(0.8, 1.2) * (1.3 if day.weekday() == 1 else 1))
        return tuple(self._paper(day, number, chance) for number in range(1, count + 1))

    def _paper(self, day: date, number: int, chance: random.Random) -> Paper:
        one, other = chance.choice(self._demo), chance.choice(self._demo)
        sentences = [s for s in re.split(r"(?<=\.) ", f"{one['abstract']} {other['abstract']}") if s]
        return Paper(
            id=f"{day:%y%m}.{day.day * 1000 + number:05}",
            title=f"{one['title']}, part {number}",
            authors=tuple(one["authors"]),
            abstract=" ".join(chance.sample(sentences, min(7, len(sentences)))),
            categories=tuple(one["categories"]),
            primary_category=one["primary_category"],
        )


def subscribe(home: Path, store: Store, count: int, now: datetime, seed: int) -> None:
    """Topics files like those of the examples, with hours and zones of their own; consent is on record."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    files = [find(f"subscribers/{slug}.md", None).read_text(encoding="utf-8") for slug in ("ada", "emmy", "rosalind")]
    words = sorted(set(re.findall(r"[a-z]{6,}", " ".join(files))))
    folder = home / "subscribers"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        slug, text = f"reader{number:05}", chance.choice(files)
        deliver = f'deliver: {{at: "{chance.randint(5, 9):02}:30", timezone: {chance.choice(_ZONES)}}}'
        head = [
            line
            for line in text.split("---")[1].strip().splitlines()
            if re.match(r"(categories|min_relevance|max_papers):", line)
        ]
        own = f"9. {' '.join(chance.sample(words, 6))}\n\n**Keywords"
        body = text.split("---", 2)[2].replace("**Keywords", own, 1)
        front = "\n".join([f"email: {slug}@example.org", *head, deliver])
        (folder / f"{slug}.md").write_text(f"---\n{front}\n---{body}", encoding="utf-8")
    for entry in roster(folder, store, taxonomy(), now):
        if isinstance(entry, Subscriber):
            store.subscribers.consent(entry.id, entry.wishes.email, "rehearsal", now)
