"""Signed URLs open what they were made for, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.links import Purpose, Signer, keys_of

NUMBERS = st.integers(0, 2**63 - 1)
PURPOSES = st.sampled_from(Purpose)
SIGNER = Signer("https://news.example.org/arxiv/", keys_of("a secret"))


@given(PURPOSES, NUMBERS)
def test_a_token_gives_its_number_back(purpose: Purpose, number: int) -> None:
    assert SIGNER.read(purpose, SIGNER.token(purpose, number)) == number


@given(PURPOSES, PURPOSES, NUMBERS)
def test_a_token_of_one_purpose_is_worthless_for_another(made: Purpose, used: Purpose, number: int) -> None:
    assert (SIGNER.read(used, SIGNER.token(made, number)) == number) is (made is used)


@given(NUMBERS, st.integers(0, 60), st.integers(1, 63))
def test_a_changed_token_is_refused(number: int, place: int, by: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = SIGNER.token(Purpose.EDITION, number)
    place %= len(token) - 1  # the last letter carries bits that are padding
    other = alphabet[(alphabet.index(token[place]) + by) % 64]
    assert SIGNER.read(Purpose.EDITION, token[:place] + other + token[place + 1 :]) is None


@given(st.text(max_size=80) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused_quietly(token: str) -> None:
    assert SIGNER.read(Purpose.UNSUBSCRIBE, token) is None


def test_after_a_rotation_old_tokens_verify_and_new_ones_are_signed_with_the_new_key() -> None:
    old, rotated, new = (Signer("", keys_of(secret)) for secret in ("old", "new, old", "new"))
    token = old.token(Purpose.UNSUBSCRIBE, 42)
    assert rotated.read(Purpose.UNSUBSCRIBE, token) == 42
    assert new.read(Purpose.UNSUBSCRIBE, token) is None
    assert new.read(Purpose.UNSUBSCRIBE, rotated.token(Purpose.UNSUBSCRIBE, 42)) == 42


def test_a_url_is_base_purpose_and_token() -> None:
    url = SIGNER.url(Purpose.UNSUBSCRIBE, 7)
    assert url == f"https://news.example.org/arxiv/u/{SIGNER.token(Purpose.UNSUBSCRIBE, 7)}"


@pytest.mark.parametrize("number", [0, 255, 10**12])
def test_a_token_is_short_and_safe_in_a_url(number: int) -> None:
    token = SIGNER.token(Purpose.PREFERENCES, number)
    assert len(token) <= 32
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_the_keys_never_show() -> None:
    assert "a secret" not in repr(SIGNER)
