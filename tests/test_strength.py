"""How many papers pass, and how the grades are handed out."""

from newsletter.models.scores import Strength
from newsletter.scoring.strength import LISTED, in_order, limited, relevance, strength, usual


def test_a_paper_far_above_the_archive_matches_only_if_it_shares_words() -> None:
    assert relevance(3.5, shared=0.2) >= 7
    assert relevance(3.5, shared=0.01) < 7
    assert relevance(-1.0, shared=0.9) == 1


def test_the_order_decides_who_gets_the_grades() -> None:
    assert in_order([0.1, 0.9, 0.5], [8, 2, 5], [True, True, True]) == [2, 8, 5]


def test_what_is_not_among_them_keeps_its_grade() -> None:
    assert in_order([0.1, 0.9, 0.5], [8, 1, 5], [True, False, True]) == [5, 1, 8]


def test_as_many_pass_as_may() -> None:
    assert limited([9, 8, 7, 3], [4, 3, 2, 1], 2) == [9, 8, 6, 3]
    assert limited([6, 5, 3], [3, 2, 1], 2) == [7, 7, 3]


def test_on_a_dull_day_only_what_matches_clearly_passes() -> None:
    assert usual([8, 7, *[5] * 40]) == 2
    assert usual([1] * 40) == 0


def test_on_a_day_with_several_clear_matches_the_next_pass_too() -> None:
    assert usual([*[8] * 9, *[5] * 4, *[1] * 90]) == 13


def test_a_list_is_never_long_while_nothing_is_known_of_the_reader() -> None:
    assert usual([8] * 60) == LISTED
    assert usual([8] * 400) == 40


def test_people_see_three_strengths() -> None:
    assert [strength(grade, 7) for grade in (6, 7, 8, 9)] == [
        Strength.NEAR,
        Strength.MATCH,
        Strength.MATCH,
        Strength.CLOSE,
    ]
