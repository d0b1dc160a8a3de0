"""What every source of mailings promises; a new folder in sources/ is tested without a line here."""

import pickle
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from newsletter import sources
from newsletter.settings import Section, load
from newsletter.sources.contract import Source

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
NAMES = sources.sources()


@pytest.fixture(params=NAMES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    settings = load({}, None, sources.sections())
    return sources.module(request.param).connect(settings, tmp_path, lambda: NOW, lambda _: None)


def test_arxiv_is_a_source_and_the_mailing_file_is_none() -> None:
    assert "arxiv" in NAMES
    assert "listing" not in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_are_a_section_of_its_own_name(name: str) -> None:
    options = sources.module(name).Options
    assert issubclass(options, Section)
    assert options.section == name
    assert pickle.loads(pickle.dumps(options.model_validate({}))) == options.model_validate({})


def test_it_has_the_name_of_its_folder(source: Source) -> None:
    assert source.origin.name in NAMES


def test_the_newest_mailing_is_one_of_its_days(source: Source) -> None:
    for hours in range(0, 24 * 9, 5):
        newest = source.newest(NOW + timedelta(hours=hours))
        assert source.days(newest, newest) == [newest]


def test_its_days_ascend_and_stay_within_their_bounds(source: Source) -> None:
    first, last = date(2026, 10, 1), date(2026, 11, 30)
    days = source.days(first, last)
    assert days == sorted(set(days))
    assert first <= days[0]
    assert days[-1] <= last
    assert source.days(last, first) == []


def test_its_categories_are_stable_and_each_stands_once(source: Source) -> None:
    wishes = ("cs.LG", "math.IT", "astro-ph", "cs.IT")
    categories = source.categories(wishes)
    assert source.categories(tuple(reversed(wishes))) == categories
    assert len(set(categories)) == len(categories)
    assert source.categories(categories) == categories


def test_it_closes(source: Source) -> None:
    source.close()
