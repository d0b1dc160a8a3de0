"""Readers divided among two homes by a hash of their slugs: one fetch, each inbox one mail, together as in one home."""

import zlib
from pathlib import Path

import pytest

from newsletter.store import Store
from tests.builders import a_topics_file
from tests.commands import Command, command

LISTING = Path(__file__).parent.parent / "newsletter" / "demo" / "mailing.jsonl"
SLUGS = [f"r{number:02}" for number in range(12)]


def a_home(folder: Path, slugs: list[str]) -> Path:
    (folder / "subscribers").mkdir(parents=True)
    (folder / "newsletter.toml").touch()
    for slug in slugs:
        text = f"{a_topics_file(slug, categories='[cs.LG, stat.ML]')}2. Sparse models, as {slug} sees them\n"
        (folder / "subscribers" / f"{slug}.md").write_text(text, encoding="utf-8")
    return folder


def said(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """What each reader's edition shows, in order."""
    with Store.open(home / "var" / "newsletter.db") as store:
        rows = store.database.rows(
            """
            SELECT subscribers.slug, papers.id, papers.version, section, position, relevance, local
            FROM editions JOIN subscribers ON subscribers.id = editions.subscriber_id
            LEFT JOIN edition_papers ON edition_id = editions.id LEFT JOIN papers ON papers.key = paper_key
            ORDER BY 1, section, position
            """
        )
    found: dict[str, list[tuple[object, ...]]] = {}
    for slug, *shown in (tuple(row.values()) for row in rows):
        found.setdefault(slug, []).append(tuple(shown))
    return found


def mails(home: Path) -> list[str]:
    return sorted(path.stem for path in (home / "var" / "outbox").rglob("*.eml"))


def test_two_homes_send_together_what_one_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(home: Path) -> Command:
        return command(home, capsys, monkeypatch)

    parts = [[slug for slug in SLUGS if zlib.crc32(slug.encode()) % 2 == part] for part in (0, 1)]
    one, first, second = (
        a_home(tmp_path / name, slugs) for name, slugs in (("one", SLUGS), ("first", parts[0]), ("second", parts[1]))
    )
    assert at(one)("run", "--listing", LISTING).code == 0
    assert at(first)("fetch", "--listing", LISTING).code == 0
    exported = tmp_path / "exported.jsonl"
    assert at(first)("fetch", "--export", exported).code == 0
    for home in (first, second):
        assert at(home)("run", "--listing", exported).code == 0
    assert all(parts)
    assert mails(first) == parts[0]
    assert mails(second) == parts[1]
    assert said(first) | said(second) == said(one)
    assert "nothing due" in at(second)("run", "--listing", exported).out
    assert mails(second) == parts[1]


def test_there_is_nothing_to_export_where_nothing_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = command(a_home(tmp_path / "home", SLUGS[:1]), capsys, monkeypatch)("fetch", "--export", tmp_path / "file")
    assert (done.code, (tmp_path / "file").exists()) == (2, False)
    assert "no mailing is stored: fetch one" in done.err
