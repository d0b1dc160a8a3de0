"""How many honest abstracts lose a sentence because it looks like an order to a grader.

    python bench/orders.py [--show]

Needs the shared folder (see lab.py). Exits 1 where more than six of all its abstracts are touched.
"""

import argparse
import gzip
import json
import sys

from lab import shared_folder

from newsletter.scoring.model.prompts import orders_in

MOST = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print what goes")
    options = parser.parse_args()
    seen: set[str] = set()
    touched = 0
    for path in sorted((shared_folder() / "eval/mailings").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for paper in map(json.loads, lines):
                if paper["id"] in seen:
                    continue
                seen.add(paper["id"])
                found = [*orders_in(paper["title"]), *orders_in(paper["abstract"])]
                touched += bool(found)
                if found and options.show:
                    print(paper["id"], *found, sep="\n    ")
    print(f"{touched} of {len(seen)} abstracts lose a sentence")
    sys.exit(touched > MOST)


if __name__ == "__main__":
    main()
