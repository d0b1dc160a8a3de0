"""Reading YAML in C: what it says at all is what the strict reading says; the rest it leaves to that one."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from newsletter.topics import plain_yaml

TOKENS = st.sampled_from(
    "email: categories: deliver: at: days: a:b a: [ ] { } [] {} , : :, - ? ?a a b yes No null Null ~ true FALSE | > ' '' "
    '" "" "07:30" \'x\' # #a \n \n \n\n  \n    \n- \n\ta cs.LG 7 -7 +7 07 0o7 1_000 7.5 7. .5 1e3 .nan - -- --- ... '
    "é ５ \u0660 \x85 \u2028 \x00 a@b.c @a `a %a a% \\n a\\n << <<: = 2026-01-01 07:30 http://a.b/c {a: [a,b]}".split(
        " "
    )
)


def strictly(text: str) -> Any:
    """What ruamel makes of it, with Python's own types; line numbers and comments left out."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {plain(key): plain(each) for key, each in value.items()}
        return [plain(each) for each in value] if isinstance(value, list) else value

    found = YAML(typ="rt").load(text)
    return {} if found is None else plain(found)


def test_what_people_write_is_read() -> None:
    front = """
# Where the mail goes; what for?
email: ada@example.org
categories: [cs.LG, "stat.ML"]
authors:
- Emmy Noether
- 'Bernd Siebert'
min_relevance: 5   # of 10
budget_usd_per_month: 1.50
keywords: {include: [], exclude: }
deliver:
  at: "07:30"
  frequency: daily
"""
    found = plain_yaml.mapping(front)
    assert found is not None
    assert found == strictly(front)
    assert found["deliver"] == {"at": "07:30", "frequency": "daily"}


@pytest.mark.parametrize(
    "unusual",
    [
        "a: &x 1\nb: *x",
        "a: !!str 7",
        "a: 2026-01-01",
        "at: 07:30",
        "a: 0x1f",
        "a: 1\na: 2",
        "<<: {a: 1}",
        "a: |\n  b\n",
        'a: "\\u00e9"',
        "1: a",
        "[a, b]",
        "a: 1\n---\nb: 2",
        "a: [1",
        "- " * 9000 + "a",
        "[" * 16_000,
        "a: " + "{a: " * 30 + "}" * 30,
    ],
)
def test_the_unusual_is_left_to_the_strict_reading(unusual: str) -> None:
    assert plain_yaml.mapping(unusual) is None


@settings(max_examples=400)
@given(st.lists(TOKENS, max_size=14).map(" ".join) | st.lists(TOKENS, max_size=10).map("".join))
@example("a: {b:c}")
@example("a: {b:}")
@example("a: [b:, c]")
@example('{"a":b}')
@example("a:  b\n   c")
@example("a: ~")
@example("a:\n- b\n- c: d\n  e: 7")
def test_whatever_is_read_means_the_same_as_strictly(text: str) -> None:
    found = plain_yaml.mapping(text)
    if found is not None:
        assert found == strictly(text)
