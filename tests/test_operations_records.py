"""What the records of a sender come to: SPF is read with all the records that it names (RFC 7208)."""

from collections.abc import Sequence

import pytest

from newsletter.operations.records import Said, spf


def judged(**records: str | Sequence[str]) -> Said:
    """What the SPF record of example.org comes to, where domains have these texts; `_` stands for a dot."""
    texts = {name.replace("_", "."): [text] if isinstance(text, str) else text for name, text in records.items()}
    return spf("example.org", lambda name, kind: texts.get(name, []) if kind == "TXT" else [])


def test_lookups_are_counted_through_all_records_that_are_named() -> None:
    nine = "v=spf1 " + "a:host.example " * 9 + "?all"
    assert judged(example_org="v=spf1 include:nine.example -all", nine_example=nine).well
    found = judged(example_org="v=spf1 mx include:nine.example -all", nine_example=nine)
    assert (found.well, "needs more than 10 lookups" in found.said) == (False, True)


def test_a_redirect_counts_unless_all_makes_it_void() -> None:
    ten = "v=spf1 " + "mx:host.example " * 10 + "-all"
    assert not judged(example_org="v=spf1 redirect=ten.example", ten_example=ten).well
    assert judged(example_org="v=spf1 -all redirect=ten.example", ten_example=ten).well


def test_a_circle_of_includes_ends_as_too_many() -> None:
    found = judged(example_org="v=spf1 include:b.example -all", b_example="v=spf1 include:example.org -all")
    assert (found.well, "more than 10 lookups" in found.said) == (False, True)


@pytest.mark.parametrize(
    ("named", "said"),
    [([], "b.example has no SPF record"), (["v=spf1 -all", "v=spf1 mx -all"], "b.example has 2 SPF records")],
)
@pytest.mark.parametrize("term", ["include:b.example -all", "?include:b.example -all", "redirect=b.example"])
def test_what_is_named_must_be_there_once(term: str, named: list[str], said: str) -> None:
    found = judged(example_org=f"v=spf1 {term}", b_example=named)
    assert (found.well, said in found.said) == (False, True)


def test_what_depends_on_the_mail_is_counted_and_not_followed() -> None:
    assert judged(example_org="v=spf1 include:%{d}.b.example exists:%{i}.b.example ip4:192.0.2.1 -all").well
