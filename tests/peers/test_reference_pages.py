"""The pages that this project started from: what stands in them stands in the mails, row by row.

NEWSLETTER_SHARED names the folder that has them in `reference/`, else one beside the checkout; skipped where there is none.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.editions import json_file
from newsletter.models.editions import Edition
from newsletter.rendering.shorten import BUDGET
from newsletter.rendering.templates import markdown, render
from tests.editions import LINKS
from tests.test_rendering import TEMPLATES, Page, rows

SHARED = Path(os.environ.get("NEWSLETTER_SHARED") or Path(__file__).parents[3] / "shared")
REFERENCE = SHARED / "reference"
IN_BRIEF = {
    *("year", "model", "announced", "scanned", "relevant", "titles", "links", "ids"),
    *("cost", "tokens"),  # their sums; the parts stand in the text
}
pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"{REFERENCE} is not there; set NEWSLETTER_SHARED"),
]


@pytest.fixture(params=["2025-04-08", "2025-04-30"])
def day(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def edition(day: str) -> Edition:
    path = REFERENCE / f"{day}.edition.json"
    return json_file.parse(path.read_bytes(), path.name)


def test_the_markdown_page_is_the_reference_to_the_byte(edition: Edition, day: str) -> None:
    assert markdown(edition, TEMPLATES) == (REFERENCE / f"{day}.md").read_text(encoding="utf-8")


def test_all_rows_of_a_page_stand_in_html_text_and_attachment(edition: Edition) -> None:
    email = render(replace(edition, length="page", attach="page"), LINKS, TEMPLATES)
    assert email.attachment
    assert email.attachment.text == markdown(edition, TEMPLATES)
    assert len(email.html.encode()) <= BUDGET
    page, text = Page(email.html), " ".join(email.text.split())
    asked = rows(edition)
    assert len(asked) == 15
    for row, wanted in asked.items():
        assert [part for part in wanted if part not in page.text] == [], row
        assert [part for part in wanted if part not in text] == [], row
    for item in edition.papers:
        assert f"https://arxiv.org/abs/{item.paper.id}" in page.urls
        assert f"https://arxiv.org/abs/{item.paper.id}" in text


def test_what_a_brief_mail_keeps_of_it(edition: Edition) -> None:
    email = render(replace(edition, length="brief"), LINKS, TEMPLATES)
    page, text = Page(email.html), " ".join(email.text.split())
    asked = rows(edition) | {"tokens": [str(edition.usage.total_tokens)], "cost": [f"${edition.cost.total}"]}
    for row in IN_BRIEF:
        assert [part for part in asked[row] if part not in page.text] == [], row
    for row in IN_BRIEF | {"authors", "comments", "relevance", "novelty"}:
        assert [part for part in rows(edition)[row] if part not in text] == [], row
