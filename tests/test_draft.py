"""A first topics file from papers that somebody collected."""

from pathlib import Path

import pytest

from newsletter.store import Store
from newsletter.topics import draft
from newsletter.topics.body import read_body
from newsletter.topics.references import Reference
from tests.builders import NOON, a_mailing, a_paper
from tests.commands import Command

MOSS = [
    Reference("Moss growth on old stones", "Moss growth follows rain. Spore dispersal decides where."),
    Reference("Spore dispersal and moss growth", "We count spores by spore traps.", keywords=("bryophytes",)),
    Reference("Why moss growth stops", "Spore dispersal stops in winter.", keywords=("bryophytes",)),
]
TIDES = [
    Reference("Tidal currents in a narrow strait", "Tidal currents were measured by buoys."),
    Reference("Buoys and tidal currents", "Sea level and tidal currents."),
]


def test_each_cluster_of_papers_is_a_topic_with_its_phrases_and_titles() -> None:
    found = draft.topics([*MOSS, *TIDES])
    assert [(topic.name, len(topic.papers)) for topic in found] == [("moss growth", 3), ("tidal currents", 2)]
    assert "spore dispersal" in found[0].wanted
    assert found[1].examples == ("Tidal currents in a narrow strait", "Buoys and tidal currents")


def test_what_all_papers_say_opens_no_topic() -> None:
    archive = [f"Moss growth, seen once more. Number {number}." for number in range(30)]
    assert draft.topics([*MOSS, *TIDES])[0].name == "moss growth"
    assert draft.topics([*MOSS, *TIDES], archive)[0].name != "moss growth"


def test_what_is_frequent_near_a_topic_and_in_no_reference_is_not_wanted() -> None:
    near = [f"Moss growth on green roofs, a sales brochure {number}." for number in range(4)]
    far = [f"Stars of number {number}." for number in range(60)]
    (topic,) = draft.topics(MOSS, [*near, *far])
    assert "sales brochure" in topic.unwanted
    assert not set(topic.unwanted) & set(topic.wanted)


def test_the_draft_is_read_back_as_it_was_meant() -> None:
    read = read_body(draft.draft([*MOSS, *TIDES]))
    assert [topic.name for topic in read.topics] == ["Moss growth", "Tidal currents"]
    assert "“Moss growth on old stones”" in read.topics[0].relevant
    assert read.relevant_keywords == ("bryophytes",)


@pytest.mark.parametrize("references", [MOSS[:1], [Reference("Of ropes"), Reference("A ledger of barrels")]])
def test_few_papers_still_make_a_draft(references: list[Reference]) -> None:
    read = read_body(draft.draft(references))
    assert read.topics
    assert all(item.title in read.body for item in references)


def test_categories_are_those_of_many_papers() -> None:
    papers = [("q-bio.PE",)] * 8 + [("q-bio.PE", "stat.AP")] * 2 + [("cs.LG",)]
    assert draft.categories(papers) == ("q-bio.PE", "stat.AP")


def test_the_command_finds_papers_in_the_archive_without_asking_arxiv(newsletter: Command, home: Path) -> None:
    papers = [a_paper(n, title=item.title, abstract=item.abstract) for n, item in enumerate(MOSS, 1)]
    (home / "var").mkdir()
    with Store.open(home / "var" / "newsletter.db") as store:
        store.mailings.save(a_mailing(*papers), NOON)
    done = newsletter(
        "topics", "draft", "--from", "2611.00001 2611.00002v1 arXiv:2611.00003", "--email", "a@example.org"
    )
    assert done.code == 0
    assert done.out.startswith("---\nemail: a@example.org\ncategories:\n- q-bio.PE\n---\n\n1. Moss growth\n")
    assert done.err == "newsletter: this is a draft: read it, change it, then `newsletter topics check` it\n"


def test_what_cannot_be_looked_up_is_named_and_the_rest_is_drafted(
    newsletter: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_ARXIV__API_URL", "http://127.0.0.1:9/api/query")
    monkeypatch.setenv("NEWSLETTER_ARXIV__RETRY_SECONDS", "0")
    library = home / "library.bib"
    library.write_text(
        "@misc{a, title={Moss growth on stones}, abstract={Moss growth.}}\n@misc{b, title={}, eprint={2601.00001}}\n",
        encoding="utf-8",
    )
    done = newsletter("topics", "draft", "--from", library, "--categories", "q-bio.PE")
    assert done.code == 0
    assert "2601.00001: is not known, or arXiv did not answer; it was left out" in done.err
    assert "Moss growth on stones" in done.out
    assert newsletter("topics", "draft", "--from", "no.bib").err.endswith(
        "no.bib: cannot be read: there is no such file\n"
    )
