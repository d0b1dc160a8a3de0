"""Does a published day come out as it was published? The scorer on 2025-04-30 with the labels of that day's page.

    python bench/reference_day.py [--curve]

Needs the shared folder (see lab.py). Compares papers, scores and their order (relevance + novelty, then relevance; ties
are free) with the page's edition file. Exits 1 where they differ. With --curve: how many of the page's papers are found
for a part, for the whole and for more of the money that its own tokens cost.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab import Lab, shared_folder

from newsletter.models.scores import Tokens
from newsletter.models.subscribers import Deliver
from newsletter.money import PICODOLLARS_PER_USD
from newsletter.scoring.model.budget import editions_left
from newsletter.scoring.model.prices import STANDARD, prices_of

DAY, MODEL = "2025-04-30", "gpt-6-luna"
PARTS = (0.125, 0.25, 0.5, 1.0, 2.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curve", action="store_true")
    folder = shared_folder()
    page = json.loads((folder / f"reference/{DAY}.edition.json").read_text(encoding="utf-8"))
    with Lab(folder) as lab:
        if parser.parse_args().curve:
            curve(lab, folder, page)
            return
        ours = edition(lab, folder, 1.0)
    scores = [[(p["id"], p["relevance"], p["novelty"]) for p in edition["papers"]] for edition in (ours, page)]
    same_papers = sorted(scores[0]) == sorted(scores[1])
    same_order = [score[1:] for score in scores[0]] == [score[1:] for score in scores[1]]
    print(f"{len(scores[0])} papers; the page's papers and scores: {same_papers}; its order: {same_order}")
    sys.exit(not (same_papers and same_order))


def curve(lab: Lab, folder: Path, page: dict[str, Any]) -> None:
    """Prints the page's papers found, by the allowance for the day."""
    usage, price = page["usage"], prices_of(MODEL, {}).of(STANDARD)
    tokens = Tokens(prompt=usage["prompt_tokens"], completion=usage["completion_tokens"])
    theirs = (price.prompt(tokens) + price.completion(tokens)) / PICODOLLARS_PER_USD
    left = editions_left(Deliver(), datetime.now(UTC).date())
    wanted = {paper["id"] for paper in page["papers"]}
    print(f"{tokens.prompt} + {tokens.completion} tokens of {MODEL}: ${theirs:.4f}; {len(wanted)} papers on the page")
    for part in PARTS:
        ours = edition(lab, folder, part * theirs * left)
        found = {paper["id"] for paper in ours["papers"] if paper["novelty"] is not None} & wanted
        print(
            f"{part:>6.1%} ${part * theirs:.4f}: {len(found)} found, ${float(ours['cost']['total']):.4f} spent",
            flush=True,
        )


def edition(lab: Lab, folder: Path, budget: float) -> dict[str, Any]:
    """The day's edition for the page's reader, with a monthly budget in USD."""
    topics = (folder / "eval/topics/ml-foundations-v07.md").read_text(encoding="utf-8")
    front = f"email: reader@example.org\ncategories: [cs.LG, cs.AI]\nbudget_usd_per_month: {budget:.6f}"
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "subscribers").mkdir()
        (home / "newsletter.toml").write_text('[openai]\nservice_tier = "default"\n', encoding="utf-8")
        (home / "subscribers/reader.md").write_text(f"---\n{front}\n---\n\n{topics}", encoding="utf-8")
        environment = {**os.environ, "NEWSLETTER_HOME": name, "OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": lab.url}

        def newsletter(*arguments: str) -> str:
            command = [sys.executable, "-m", "newsletter", *arguments]
            return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

        newsletter("run", "--listing", str(folder / f"eval/mailings/{DAY}.jsonl.gz"))
        found: dict[str, Any] = json.loads(newsletter("preview", "reader", "--format", "json"))
        return found


if __name__ == "__main__":
    main()
