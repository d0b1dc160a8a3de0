"""Mailing files: what is read of a line, and that no line harms another."""

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.errors import ListingError
from newsletter.models.papers import Announcement, AnnounceType, Paper
from newsletter.sources.mailing_file import Listing, read, read_judged
from newsletter.sources.mailing_file import lines as lines_of
from tests.builders import WEDNESDAY
from tests.test_bad_input import a_line, a_listing

TODAY = date(2026, 11, 23)


def listing(folder: Path, *lines: str | bytes) -> Listing:
    return read(a_listing(folder, *lines), TODAY)


def only(found: Listing) -> Announcement:
    [announcement] = found.mailing.announcements
    return announcement


def test_every_field_is_read_and_unknown_ones_are_ignored(tmp_path: Path) -> None:
    line = a_line(
        7,
        comment="12 pages",
        doi="10.1/moss",
        journal_ref="Moss 1 (2026)",
        version=2,
        submitted_at="2026-11-16T19:00:00Z",
        categories=["q-bio.PE", "math.IT"],
        colour="green",
    )
    assert only(listing(tmp_path, line)) == Announcement(
        Paper(
            id="2611.00007",
            title="On the growth of moss number 7",
            authors=("Ada Winter",),
            abstract="We watch moss grow on stones and measure its colour.",
            categories=("q-bio.PE", "cs.IT"),
            primary_category="q-bio.PE",
            comment="12 pages",
            version=2,
            doi="10.1/moss",
            journal_ref="Moss 1 (2026)",
            submitted_at=datetime(2026, 11, 16, 19, tzinfo=UTC),
        ),
        AnnounceType.NEW,
        ("q-bio.PE", "cs.IT"),
    )


@pytest.mark.parametrize(
    ("written", "id_", "version"),
    [("2611.00001v3", "2611.00001", 3), ("math/0601001v2", "math/0601001", 2), ("hep-th/9901001", "hep-th/9901001", 1)],
)
def test_a_version_may_stand_behind_the_id(tmp_path: Path, written: str, id_: str, version: int) -> None:
    paper = only(listing(tmp_path, a_line(id=written))).paper
    assert (paper.id, paper.version) == (id_, version)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (None, AnnounceType.NEW),
        ("cross", AnnounceType.NEW),
        ("replace", AnnounceType.REPLACE),
        ("replace-cross", AnnounceType.REPLACE),
        ("old-cross", AnnounceType.OLD_CROSS),
    ],
)
def test_how_a_paper_was_announced(tmp_path: Path, written: str | None, kind: AnnounceType) -> None:
    assert only(listing(tmp_path, a_line(announce_type=written))).type is kind


def test_the_day_is_the_one_most_lines_announce(tmp_path: Path) -> None:
    lines = [a_line(1), a_line(2), a_line(3, announced_on="2026-11-17")]
    assert listing(tmp_path, *lines).mailing.date == WEDNESDAY
    assert listing(tmp_path, a_line(announced_on=None)).mailing.date == TODAY


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    whole: dict[str, Any] = {
        "id": "2611.00002",
        "version": 3,
        "doi": "10.1/x",
        "journal_ref": "J. 1",
        "submitted_at": "2026-11-17T08:00Z",
    }
    crossed: dict[str, Any] = {"id": "2611.00003", "categories": ["cs.LG", "stat.ML"], "announced_in": ["stat.ML"]}
    written = [a_line(), a_line(**whole, announce_type="replace"), a_line(**crossed, title="é \\alpha")]
    first = read(a_listing(tmp_path, *written), WEDNESDAY).mailing
    second = read(a_listing(tmp_path, *(line.encode() for line in lines_of(first))), WEDNESDAY).mailing
    assert first.announcements[2].categories == ("stat.ML",)
    assert (second.date, second.announcements) == (first.date, first.announcements)


def test_a_file_without_a_paper_is_no_holiday(tmp_path: Path) -> None:
    for lines in ([], ["", "  "]):
        with pytest.raises(ListingError, match="the file has no paper: write it again"):
            listing(tmp_path, *lines)


def test_a_file_that_ends_within_a_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mailing.jsonl"
    path.write_text(f"{a_line(1)}\n{a_line(2)[:40]}", encoding="utf-8")
    with pytest.raises(ListingError, match=r"mailing.jsonl:2: the file is cut off in its last line"):
        read(path, TODAY)


def test_a_bad_last_line_with_its_line_break_harms_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "mailing.jsonl"
    path.write_text(f"{a_line(1)}\n{a_line(2)[:40]}\n", encoding="utf-8")
    assert len(read(path, TODAY).problems) == 1


def test_a_gzip_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mailing.gz"
    path.write_bytes(gzip.compress(a_line().encode())[:-9])
    with pytest.raises(ListingError, match="cut off"):
        read(path, TODAY)


def test_a_gzipped_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mailing"
    path.write_bytes(gzip.compress(a_line().encode()))
    assert read(path, TODAY).mailing.announcements


def test_judged_papers_have_a_relevance(tmp_path: Path) -> None:
    judged = read_judged(a_listing(tmp_path, a_line(1, relevance=9), a_line(2), a_line(3, relevance=11)))
    assert [(paper.id, relevance) for paper, relevance in judged.papers] == [("2611.00001", 9)]
    assert judged.problems == tuple(
        f"mailing.jsonl:{line}: relevance: must be a whole number from 1 to 10" for line in (2, 3)
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(
    ["id", "title", "authors", "abstract", "categories", "version", "announce_type", "announced_on", "submitted_at"]
)
LINES = st.dictionaries(KEYS, JSON).map(lambda line: json.dumps(line).encode()) | st.binary(max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=6))
def test_any_lines_give_papers_or_sentences(tmp_path: Path, lines: list[bytes]) -> None:
    try:
        found = listing(tmp_path, a_line(99), *lines)
    except ListingError:
        return
    written = sum(1 for line in b"\n".join(lines).split(b"\n") if line.strip())
    assert len(found.mailing.announcements) + len(found.problems) == written + 1
    assert all(paper.paper.id and paper.paper.title for paper in found.mailing.announcements)
