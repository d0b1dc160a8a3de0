"""Does a published day come out as it was published? The scorer on 2025-04-30 with the labels of that day's page.

    python bench/reference_day.py

Needs the shared folder (see lab.py). Compares papers, scores and their order (relevance + novelty, then relevance; ties
are free) with the page's edition file. Exits 1 where they differ.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lab import Lab, shared_folder

DAY = "2025-04-30"


def main() -> None:
    folder = shared_folder()
    page = json.loads((folder / f"reference/{DAY}.edition.json").read_text(encoding="utf-8"))
    topics = (folder / "eval/topics/ml-foundations-v07.md").read_text(encoding="utf-8")
    front = "---\nemail: reader@example.org\ncategories: [cs.LG, cs.AI]\n---\n\n"
    with Lab(folder) as lab, tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "subscribers").mkdir()
        (home / "newsletter.toml").touch()
        (home / "subscribers/reader.md").write_text(front + topics, encoding="utf-8")
        environment = {**os.environ, "NEWSLETTER_HOME": name, "OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": lab.url}

        def newsletter(*arguments: str) -> str:
            command = [sys.executable, "-m", "newsletter", *arguments]
            return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

        newsletter("run", "--listing", str(folder / f"eval/mailings/{DAY}.jsonl.gz"))
        ours = json.loads(newsletter("preview", "reader", "--format", "json"))
    scores = [[(p["id"], p["relevance"], p["novelty"]) for p in edition["papers"]] for edition in (ours, page)]
    same_papers = sorted(scores[0]) == sorted(scores[1])
    same_order = [score[1:] for score in scores[0]] == [score[1:] for score in scores[1]]
    print(f"{len(scores[0])} papers; the page's papers and scores: {same_papers}; its order: {same_order}")
    sys.exit(not (same_papers and same_order))


if __name__ == "__main__":
    main()
