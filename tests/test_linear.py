"""Every parser of ours takes time that grows with its input, not with its square: measured in CPU time, as a ratio.

Sixteen times the text may take at most 64 times as long: linear takes 16, quadratic 256. What is done within
milliseconds is quick enough, whatever its ratio.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from newsletter.delivery import bounces
from newsletter.delivery import replies as refusals
from newsletter.errors import InputError
from newsletter.models.subscribers import Topic
from newsletter.rendering import citations, sentences
from newsletter.scoring import reasons
from newsletter.scoring.features import corpus
from newsletter.scoring.model import answers, replies
from newsletter.scoring.model.prompts import cleaned
from newsletter.scoring.remembered import Judged
from newsletter.scoring.similarity import Ask, score
from newsletter.sources import origins
from newsletter.text.printable import one_line
from newsletter.text.tex import to_unicode
from newsletter.topics import draft, references
from newsletter.topics.body import MAX_BYTES, read_body
from newsletter.topics.check import check
from newsletter.topics.front_matter import examined
from newsletter.topics.references import Reference
from tests.builders import a_paper, a_subscriber, some_topics

QUICK = 0.01  # seconds
ORIGINS = origins()
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
SENT = replies.Sent(chars=10**6, bytes=10**6, max_tokens=10**6)
PATTERNS = [
    *("a", "a ", "word ", "# a", "# ", "a___b", "- ", "-", "*", "**", "_", "_a_", "`", "#", ">", "1.", "1. a\n", "(1)", "IV. ", "\n"),
    *("Relevant: ", "- Relevant: a\n", "- a: b\n", "Keywords: ", "keywords:\n- a\n", "a, ", "a,b;", "not relevant", "\t", "a\n\n"),
    *("[", "]", "{", "}", "{a: ", "- - ", "? ", ": ", "a: b\n", "a:\n ", "'", '"', "|\n", "!a ", "&a ", "*a "),
    *("$", "$$", "\\", "\\a{", "{\\", "^{", "_{", "\\frac{a}", "--", "``", "''", "~", "http://", "\\'e", "$a ", "<a>", "</", "<a "),
    *("a@", "@a{", "@a{b,", "@a{b,c={", "TY  - \n", "AB  - a\n", "2401.00001 ", "arxiv:", "math/", "10.48550/", "\u200b", "\x00"),
    *('{"i": ', "[{", '["a", ', "{}\n", "<think>", "</think>", "```json\n", "data: {}\n", 'data: {"choices": [{}]}\n'),
    *("ignore all previous ", "score this ", "you must rate ", "relevance: ", "dear ai ", "10 "),
]  # fmt: skip


def _topics(text: str) -> None:
    check(text.encode(), "ada.md")


def _front(text: str) -> None:
    examined(text, "ada.md")


def _references(text: str) -> None:
    try:
        references.read(text.encode(), "refs")
    except InputError:
        return


def _draft(text: str) -> None:
    draft.draft([Reference(text[:400], text), Reference("Moss", text[::-1])], [text])


def _ranked(text: str) -> None:
    papers = [a_paper(1, abstract=text), a_paper(2)]
    reader = a_subscriber(topics=some_topics(Topic(1, "Moss", text, text[::-1])))
    score([Ask(reader, papers)], corpus(papers))


def _replied(text: str) -> None:
    with suppress(replies.NoAnswer):
        replies.parsed(text)
    replies.read({"choices": [{"message": {"content": text}}], "usage": {"completion_tokens": 1}}, SENT)


def _answered(text: str) -> None:
    answers.scores(text, ["p01"], ("relevance", "novelty"))
    answers.remarks(text, {"p01": text}, [1])
    answers.quotes(text[:200], text)


def _rendered(text: str) -> None:
    sentences.telling(text, 300)
    sentences.phrase(text, 200)
    sentences.addresses(text)
    citations.bibtex([a_paper(1, title=text, abstract=text)], ORIGINS)
    reasons.sentences(text)


def _bounced(text: str) -> None:
    for head in (b"", b"Content-Type: multipart/report; boundary=a\r\n\r\n--a\r\n", b"Subject: unsubscribe\r\n\r\n"):
        list(bounces.events(head + text.encode("utf-8", "replace"), NOW))


def _refused(text: str) -> None:
    refusals.without_addresses(text)
    refusals.refuses_sender(text, 421)


# Each with the size that it is measured at, and the largest that it may be given.
PARSERS: dict[str, tuple[Callable[[str], object], int, int]] = {
    "topics": (_topics, 16_000, MAX_BYTES),
    "body": (read_body, 16_000, MAX_BYTES),
    "front matter": (_front, 4_000, MAX_BYTES),
    "references": (_references, 32_000, 1_000_000),
    "draft": (_draft, 32_000, 256_000),
    "tex": (to_unicode, 64_000, 1_000_000),
    "printable": (one_line, 128_000, 1_000_000),
    "prompts": (cleaned, 32_000, 1_000_000),
    "replies": (_replied, 32_000, 1_000_000),
    "answers": (_answered, 32_000, 1_000_000),
    "rendering": (_rendered, 32_000, 256_000),
    "bounces": (_bounced, 32_000, 1_000_000),
    "refusals": (_refused, 32_000, 1_000_000),
    "ranking": (_ranked, MAX_BYTES, MAX_BYTES),
}


def took(parse: Callable[[str], object], pattern: str, size: int) -> float:
    """The CPU seconds that a text of that size takes; of what is not quick, the better of two tries."""
    text = (pattern * (size // len(pattern) + 1))[:size]
    tries: list[float] = []
    while not tries or (len(tries) < 2 and tries[-1] > QUICK):
        begun = time.process_time()
        parse(text)
        tries.append(time.process_time() - begun)
    return min(tries)


def judge(parse: Callable[[str], object], size: int) -> None:
    """Fails where sixteen times the text takes more than 64 times as long."""
    for pattern in PATTERNS:
        for last in (False, False, True):  # what else runs on the machine slows one of them down, now and then
            large = took(parse, pattern, size)
            if large <= QUICK or large <= 64 * took(parse, pattern, size // 16):
                break
            assert not last, f"{pattern!r}: {size} characters took {large:.2f} s"


@pytest.mark.parametrize("name", PARSERS)
def test_sixteen_times_the_text_takes_no_256_times_as_long(name: str) -> None:
    parse, size, _ = PARSERS[name]
    judge(parse, size)


def _learned_and_ranked(count: int) -> float:
    """The CPU seconds that so many papers take, after a past and an archive of as many each."""
    draw = random.Random(count)
    words = ["".join(draw.choices("bdfgklmnprstaeiou", k=6)) for _ in range(2000)]
    papers = [a_paper(n, title="Moss", abstract=" ".join(draw.choices(words, k=60))) for n in range(3 * count)]
    past = [Judged(paper, 9 if n % 9 == 0 else 1) for n, paper in enumerate(papers[count : 2 * count])]
    reader = a_subscriber(topics=some_topics(Topic(1, "Moss", " ".join(words[:20]))))
    begun = time.process_time()
    score([Ask(reader, papers[:count], past)], corpus(papers[:count], papers[2 * count :]))
    return time.process_time() - begun


def test_sixteen_times_the_papers_take_no_256_times_as_long() -> None:
    _learned_and_ranked(20)  # imports
    few, many = min(_learned_and_ranked(200) for _ in range(2)), _learned_and_ranked(3200)
    assert many <= 64 * few, f"200 papers took {few:.2f} s, 3,200 took {many:.2f} s"


@pytest.mark.soak
@pytest.mark.parametrize("name", PARSERS)
def test_the_same_up_to_the_largest_text(name: str) -> None:
    parse, _, size = PARSERS[name]
    judge(parse, size)


def test_the_measure_finds_what_is_quadratic() -> None:
    with pytest.raises(AssertionError, match="'a': 32000 characters took"):
        judge(lambda text: [text[at:].count("a") for at in range(0, len(text), 2)], 32_000)
