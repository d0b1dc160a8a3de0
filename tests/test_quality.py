"""`newsletter quality`: what the model was not shown, reader by reader, and how much of it mattered."""

import json
from pathlib import Path

import pytest

from newsletter.operations.quality import Manner, quality
from newsletter.store import Store
from tests.commands import Command
from tests.test_bad_input import subscribe
from tests.test_model_reader import a_reader
from tests.test_model_skipping import a_day, a_sparing_day, days, remembered


@pytest.mark.parametrize(
    ("known", "skips", "manner"),
    [
        (days(4), True, Manner.LEARNING),
        (days(5), True, Manner.SPARING),
        ([*days(19), a_sparing_day(found_sampled=3)], True, Manner.STOPPED),
        (days(5), False, Manner.WHOLE),
    ],
)
def test_how_a_readers_next_day_is_read(store: Store, known: list, skips: bool, manner: Manner) -> None:  # type: ignore[type-arg]
    remembered(store, a_reader(store), known)
    ((told,), _) = quality(store, skips=skips)
    assert (told.subscriber, told.manner) == ("ada", manner)


def test_the_total_is_of_all_readers(store: Store) -> None:
    remembered(store, a_reader(store, "bo"), [a_day(1)])
    remembered(store, a_reader(store, "ada"), [a_day(2), a_sparing_day(found_sampled=1)])
    readers, total = quality(store, skips=True)
    assert [row.subscriber for row in readers] == ["ada", "bo"]
    assert (total.days, total.candidates, total.read, total.skipped, total.sampled) == (3, 300, 268, 40, 8)
    assert total.relevant == sum(row.quality.relevant for row in readers) == 30
    assert total.missed.share == pytest.approx(4 / 34)


def test_only_the_last_twenty_mailings_count(store: Store) -> None:
    remembered(store, a_reader(store), [a_sparing_day(21, found_sampled=3), *days(20)])
    ((told,), _) = quality(store, skips=True)
    assert (told.quality.days, told.quality.missed.share) == (20, 0.0)


def test_the_command_shows_it_as_a_table_and_as_json(newsletter: Command, home: Path) -> None:
    assert "no model has read a day yet" in newsletter("quality").out
    subscribe(home, "ada")
    newsletter("subscribers", "list")
    with Store.open(home / "var/newsletter.db") as store:
        ada = store.subscribers.load("ada")
        assert ada is not None
        remembered(store, ada, [*days(5), a_sparing_day(found_sampled=1)])
    done = newsletter("quality")
    assert done.code == 0
    assert done.out.splitlines()[0].split("\t")[:9] == "ada stopped 5 500 468 40 8 50 7.4%".split()
    told = json.loads(newsletter("quality", "--json").out)
    (row,) = told["subscribers"]
    assert (row["subscriber"], row["next_day"], row["days"], row["missed"]["share"]) == ("ada", "stopped", 5, 0.0741)
    assert row["missed"]["low"] < row["missed"]["share"] < row["missed"]["high"]
    assert told["total"]["read"] == 468
