"""Edition files: what is written is read back, and what a file may leave out."""

import json
from dataclasses import replace

import pytest

from newsletter.editions import json_file
from newsletter.errors import InputError
from newsletter.models.editions import Edition, Links
from newsletter.models.papers import Paper
from newsletter.models.scores import Scored
from newsletter.rendering.templates import load_templates, render
from newsletter.sources import origins
from tests.editions import samples

TEMPLATES = load_templates(None, origins())
LEAST = {
    "subscriber": "ada",
    "date": "2026-11-18",
    "scorer": "local",
    "papers": [{"id": "2611.00001", "title": "Moss"}],
}


def plain(edition: Edition) -> Edition:
    """Without what an edition file leaves to the store and to arXiv: keys and evidence."""

    def bare(paper: Paper) -> Paper:
        return replace(paper, key=None)

    def item(scored: Scored) -> Scored:
        return replace(scored, paper=bare(scored.paper), score=replace(scored.score, evidence=""))

    return replace(
        edition,
        papers=tuple(map(item, edition.papers)),
        near_misses=tuple(map(item, edition.near_misses)),
        exploration=item(edition.exploration) if edition.exploration else None,
        not_scored=tuple(map(bare, edition.not_scored)),
    )


@pytest.mark.parametrize("name", sorted(samples()))
def test_a_written_edition_is_read_back_and_looks_the_same(name: str) -> None:
    edition, links = samples()[name]
    again = json_file.parse(json_file.dump(edition).encode(), "file")
    assert again == plain(edition)
    assert render(again, links, TEMPLATES) == render(edition, links, TEMPLATES)


def test_the_keys_that_people_and_checks_read_are_there() -> None:
    edition, _ = samples()["daily"]
    written = json.loads(json_file.dump(edition))
    assert {"subscriber", "date", "scorer", "model", "usage", "cost", "totals", "papers", "prompt"} <= set(written)
    assert set(written["usage"]) == {"prompt_tokens", "cached_tokens", "completion_tokens", "total_tokens"}
    assert {"id", "title", "authors", "abstract", "comment", "relevance", "novelty"} <= set(written["papers"][0])


def test_a_file_may_leave_out_nearly_everything() -> None:
    edition = json_file.parse(json.dumps(LEAST).encode(), "file")
    assert "Moss" in render(edition, Links(), TEMPLATES).html
    assert edition.mailings == (edition.date,)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"papers": [{"id": "1"}]}, r"file: papers\.0\.title: "),
        ({"date": "yesterday"}, "file: date: "),
        ({"status": "fine"}, "file: status: "),
    ],
)
def test_a_wrong_file_is_named_with_its_key(change: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        json_file.parse(json.dumps(LEAST | change).encode(), "file")


def test_what_is_no_json_is_said_to_be_none() -> None:
    with pytest.raises(InputError, match="file: "):
        json_file.parse(b"# A page", "file")
