"""Twenty days of a reader by the real commands and the model server: does the local order come to agree with the model?

    python bench/learning.py [--days 20]     NEWSLETTER_SHARED names the folder with lab/ and eval/

Each day `newsletter run --listing` composes and sends one real mailing; the reader's topics file is edited on the days
on which its owner edited it. Printed by day: the average precision of what the model calls relevant in the order of
the local score, cold and after learning from the days before, and Spearman's correlation with the model's relevance.
Then one paper is marked *less*, one *more*: how its nearest of the next day moves, and what the mail says of it. Exits
1 where the second half does not agree better than cold, or a mark moves its like the wrong way.
"""

import argparse
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from lab import Lab, shared_folder  # noqa: E402
from scipy.stats import spearmanr  # noqa: E402

from newsletter.editions.candidates import candidates  # noqa: E402
from newsletter.models.scores import Pool, Reading, Scored  # noqa: E402
from newsletter.scoring.features import dense, neighbours  # noqa: E402
from newsletter.scoring.remembered import stored_archive, stored_past  # noqa: E402
from newsletter.scoring.similarity import Similarity  # noqa: E402
from newsletter.sources import taxonomy  # noqa: E402
from newsletter.store import Store  # noqa: E402

SLUG, RELEVANT_FROM = "reader", 7
FRONT = f"---\nemail: {SLUG}@example.org\ncategories: [cs.LG, cs.AI]\nbudget_usd_per_month: 1000\n---\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=20)
    options = parser.parse_args()
    shared = shared_folder()
    with gzip.open(shared / "eval/cases.jsonl.gz", "rt", encoding="utf-8") as lines:
        cases = [case for case in map(json.loads, lines) if case["topics"].startswith("ml-foundations")]
    cases = sorted(cases, key=lambda case: str(case["date"]))[: options.days]
    with tempfile.TemporaryDirectory() as name, Lab(shared) as lab:
        home = Path(name)
        (home / "subscribers").mkdir()
        (home / "newsletter.toml").touch()
        reader = Reader(home, lab.url, shared / "eval")
        for case in cases[:-1]:
            reader.reads(case["date"], case["topics"])
        marks_move = reader.marks(cases[-2]["date"], cases[-1]["date"], cases[-1]["topics"])
        rises = report(reader, [date.fromisoformat(case["date"]) for case in cases])
    sys.exit(0 if rises and marks_move else 1)


class Reader:
    """A home with one reader, whose model is the lab's."""

    def __init__(self, home: Path, url: str, folder: Path) -> None:
        self._home, self._folder = home, folder
        self._environment = {
            **os.environ,
            "NEWSLETTER_HOME": str(home),
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_BASE_URL": url,
        }

    def reads(self, day: str, topics: str) -> None:
        """One mailing, composed and sent."""
        body = (self._folder / "topics" / topics).read_text(encoding="utf-8")
        (self._home / f"subscribers/{SLUG}.md").write_text(FRONT + body, encoding="utf-8")
        self.command("run", "--listing", str(self._folder / f"mailings/{day}.jsonl.gz"))

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "newsletter", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(f"newsletter {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
            sys.exit(1)
        return done.stdout

    def agreement(self, day: date) -> tuple[float, float, float, float] | None:
        """Average precision and correlation with the model, cold and learned; None where nothing was relevant."""
        with Store.open(self._home / "var/newsletter.db") as store:
            reader = store.subscribers.load(SLUG)
            assert reader is not None
            said = store.scores.given_before(reader.id, reader.topics, [day])
            found: list[float] = []
            for local in (Similarity(stored_archive(store)), Similarity(stored_archive(store), stored_past(store))):
                scored = [item for item in ranked(store, local, day) if item.paper.key in said]
                given = [said[item.paper.key or 0][1] for item in scored]
                if not any(relevance >= RELEVANT_FROM for relevance in given):
                    return None
                place = [-item.score.local for item in scored]
                found += [precision([r >= RELEVANT_FROM for r in given]), -float(spearmanr(place, given).statistic)]
        return found[0], found[1], found[2], found[3]

    def marks(self, before: str, after: str, topics: str) -> bool:
        """What marks of two papers of one day do to the papers of the next that are most like them."""
        first, second = date.fromisoformat(before), date.fromisoformat(after)
        marked, like = self._nearest_pairs(first, after)
        moved = []
        for mark, paper, other in (("less", marked[0], like[0]), ("more", marked[1], like[1])):
            self.command("feedback", SLUG, paper, mark)
            moved.append((mark, paper, other))
        self.reads(after, topics)
        with_marks = {other: self._place(second, other) for *_, other in moved}
        page = " ".join(self.command("preview", SLUG, "--format", "text").split())
        for mark, paper, _ in moved:
            self.command("feedback", SLUG, paper, mark, "--undo")
        good = True
        for mark, paper, other in moved:
            place, now = self._place(second, other), with_marks[other]
            print(f"after {mark:<4} of {paper}: its nearest of the next day, {other}, goes from place {place} to {now}")
            good &= now > place if mark == "less" else now < place or now == 1
        says = re.findall(r"Because you liked “[^”]*”", page)
        print(f"the mail of {after} says: {'; '.join(sorted(set(says))) or 'nothing of it'}")
        return good and bool(says)

    def _nearest_pairs(self, first: date, after: str) -> tuple[list[str], list[str]]:
        """Two papers that the last edition listed, and the paper of the next mailing that is most like each."""
        from newsletter.sources import mailing_file  # noqa: PLC0415

        read = mailing_file.read(self._folder / f"mailings/{after}.jsonl.gz", first)
        new = [a.paper for a in read.mailing.announcements if {"cs.LG", "cs.AI"} & set(a.paper.categories)]
        with Store.open(self._home / "var/newsletter.db") as store:
            number = store.editions.newest_id(SLUG)
            assert number is not None
            listed = [item.paper for item in store.editions.load(number).papers]
        rows = neighbours([*listed, *new])
        alike = dense(rows[: len(listed)] @ rows[len(listed) :].T)
        nearest = alike.argmax(axis=1)
        order = (-alike.max(axis=1)).argsort(kind="stable")
        chosen: list[int] = []
        for place in order.tolist():
            if all(nearest[place] != nearest[other] for other in chosen):
                chosen.append(place)
        pair = chosen[:2]
        return [listed[place].id for place in pair], [new[int(nearest[place])].id for place in pair]

    def _place(self, day: date, paper: str) -> int:
        with Store.open(self._home / "var/newsletter.db") as store:
            order = ranked(store, Similarity(stored_archive(store), stored_past(store)), day)
        return [item.paper.id for item in order].index(paper) + 1


def ranked(store: Store, local: Similarity, day: date) -> list[Scored]:
    """The candidates of a day by the local score, the best first."""
    reader = store.subscribers.load(SLUG)
    assert reader is not None
    announcements = store.mailings.announcements([day])
    chosen = candidates(reader.wishes, announcements, (), taxonomy())
    pool = Pool(tuple(announcement.paper for announcement in announcements))
    scored = local.score(Reading(reader, day, chosen.papers, pool)).scored
    return sorted(scored, key=lambda item: (-item.score.local, item.paper.id))


def precision(relevant: Sequence[bool]) -> float:
    """Average precision of a ranking."""
    places = [place for place, is_relevant in enumerate(relevant, 1) if is_relevant]
    return sum(n / place for n, place in enumerate(places, 1)) / len(places)


def report(reader: Reader, days: Sequence[date]) -> bool:
    """The days in a table; True where the second half agrees better learned than cold, and better than the first."""
    print(f"{'day':<12}{'AP cold':>9}{'AP learned':>12}{'gain':>8}{'rho cold':>10}{'rho learned':>13}")
    rows = []
    for day in days:
        if (found := reader.agreement(day)) is None:
            print(f"{day!s:<12} the model found nothing relevant")
            continue
        cold, rho_cold, learned, rho = found
        rows.append(found)
        print(f"{day!s:<12}{cold:>9.3f}{learned:>12.3f}{learned - cold:>+8.3f}{rho_cold:>10.3f}{rho:>13.3f}")
    half = len(rows) // 2
    gains = [statistics.mean(row[2] - row[0] for row in part) for part in (rows[:half], rows[half:])]
    rhos = [statistics.mean(row[3] - row[1] for row in part) for part in (rows[:half], rows[half:])]
    print(f"mean gain of AP over cold: {gains[0]:+.3f} in the first half, {gains[1]:+.3f} in the second")
    print(f"mean gain of rho over cold: {rhos[0]:+.3f} in the first half, {rhos[1]:+.3f} in the second")
    return gains[1] > max(0.0, gains[0] - 0.02) and rhos[1] > 0


if __name__ == "__main__":
    main()
