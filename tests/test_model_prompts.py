"""What the model is told: the reader's topics as a list and as written, scales whose bands the threshold respects."""

import re

import pytest

from newsletter.models.subscribers import Wishes
from newsletter.scoring.model.prompts import load_prompts, remarks_prompt, scores_prompt, show
from newsletter.topics.body import read_body
from tests.builders import a_paper

PROMPTS = load_prompts(None)
BODY = """I run a small moss garden. Topic 4 should be weighted lower.

2. Moss
   - Relevant: growth of moss on stones
   - Irrelevant: peat
4. Ferns
   - Relevant: spores of ferns
"""
SHOWN = show([a_paper(1), a_paper(2)], "abc", PROMPTS)


def test_the_topics_stand_as_a_list_by_the_files_numbers_beside_the_readers_text() -> None:
    own = scores_prompt("relevance", SHOWN, read_body(BODY), PROMPTS, "none").own
    fence = own[own.index("<topics abc>") : own.index("</topics abc>")]
    assert "Topic 2: Moss; wanted: growth of moss on stones; unwanted: peat" in fence
    assert "Topic 4: Ferns; wanted: spores of ferns" in fence
    assert BODY.strip() in fence


def test_the_topic_of_a_comment_is_one_of_the_files_numbers() -> None:
    schema = remarks_prompt(SHOWN, read_body(BODY), PROMPTS, "English", "none").schema
    assert schema["properties"]["papers"]["items"]["properties"]["topic"]["enum"] == [2, 4]


def test_a_long_wish_is_short_in_the_list_and_whole_in_the_text() -> None:
    body = f"1. Moss\n   - Relevant: {'moss on old stones, ' * 40}\n"
    own = scores_prompt("relevance", SHOWN, read_body(body), PROMPTS, "none").own
    assert body.strip() in own
    assert len(own.splitlines()[1]) < 300


def bands(scale: str) -> list[tuple[int, int]]:
    """The lowest and the highest grade of each band of a scale of the rubric."""
    text = PROMPTS.texts["rubric"].split(f"\n{scale}, ")[1].split("\n\n")[0]
    return [(int(low), int(high)) for low, high in re.findall(r"^- (\d+) or (\d+):", text, re.MULTILINE)]


@pytest.mark.parametrize("scale", ["Relevance", "Novelty"])
def test_the_bands_of_a_scale_leave_no_grade_out(scale: str) -> None:
    assert [grade for low, high in bands(scale) for grade in (high, low)] == list(range(10, 0, -1))


def test_the_default_threshold_splits_no_band() -> None:
    assert Wishes().min_relevance in {low for low, _ in bands("Relevance")}


@pytest.mark.parametrize("scale", ["Relevance", "Novelty"])
def test_each_band_has_two_examples(scale: str) -> None:
    text = PROMPTS.texts["rubric"].split(f"\n{scale}, ")[1].split("\n\n")[0]
    lines = [line for line in text.splitlines() if re.match(r"- \d", line)]
    assert [len(re.findall(r"\(\"[^\"]+\"; \"[^\"]+\"\.\)", line)) for line in lines] == [1] * 5
