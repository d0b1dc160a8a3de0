"""Decides the words and the schema of each call to the model; reads the folder prompts/ once.

Order: schema, rubric, papers, cache breakpoint, topics, task. Everything before the breakpoint depends on the papers
alone. Papers are cleaned: invisible characters go, and so do sentences that tell whoever reads them how to grade.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from newsletter.files import find
from newsletter.models.papers import Paper
from newsletter.models.subscribers import Topic, Topics
from newsletter.scoring.model.dialect import Prompt

SCHEMA_VERSION = "3"
MOST_OF_A_WISH = 160  # characters of what a topic wants, in the list; the reader's text has the rest
FILES = ("rubric", "relevance", "novelty", "both", "comment", "bait")
Task = Literal["relevance", "novelty", "both", "comments"]
AXES: dict[Task, tuple[str, ...]] = {
    "relevance": ("relevance",),
    "novelty": ("novelty",),
    "both": ("relevance", "novelty"),
}
USUAL_TOKENS = {"relevance": 9, "novelty": 9, "both": 13, "comments": 110}  # tokens that an entry of an answer takes
_MOST = {"relevance": 28, "novelty": 28, "both": 40, "comments": 400}  # some models indent their JSON
_THOUGHT = {
    "none": 0,
    "minimal": 20,
    "low": 100,
    "medium": 400,
    "high": 1000,
    "default": 400,
}  # tokens a paper, at most

_GRADE = (
    r"scor(?:e|es|ed|ing)|rat(?:e|es|ed|ing)|giv(?:e|es|en|ing)|assign(?:s|ed|ing)?|grad(?:e|es|ed|ing)|"
    r"award(?:s|ed|ing)?|mark(?:s|ed|ing)?|rank(?:s|ed|ing)?|deserv(?:e|es|ing)|return|output|answer|recommend"
)
# A grade, not a measured value: 10 % and 10^{-3} are no grades, nor is what grows by ten or is ten times as large.
_AFTER_A_GRADE = (
    r"(?=\s*(?:$|[.,;:!?()\[\]{}<>\"'*&]|/\s*10\b|(?:out of|to|for|on|or|and|if|please|whatever|points?|in)\b))"
)
_NOT_BY_TEN = r"(?<!by )(?<!over )(?<!than )(?<!to )(?<!of )(?<!only )(?<!\^)"
_TEN = rf"{_NOT_BY_TEN}\b(?:10|ten)\b(?!\s*\\?%|[.,]\d){_AFTER_A_GRADE}"
_ANY_TEN = rf"{_NOT_BY_TEN}\b(?:10|ten)\b(?!\s*\\?%|[.,]\d|\s*(?:[-–^×$\\]|times\b|fold\b|orders?\b))"
_MOST_OF = (
    r"\b(?:highest|maximum)(?:\s+possible)?\s*(?:$|[.!]|\b(?:scor|rat(?:e|ings?)\b|grade|mark|relevan|novel|value|rank\b|point|"
    r"number|verdict|evaluation|assessment|of all\b))"
)
_HIGH = rf"{_TEN}|\b(?:highest|maximum|max|top(?!\s*[-\d$])|full marks|perfect|best possible|strong accept|9)\b"
_ORDERS = (
    # A sentence that names a grade and its verb, near each other, in either order.
    re.compile(rf"\b(?:score|give|assign)\b[^.\n]{{0,60}}(?:{_ANY_TEN}|{_MOST_OF})", re.IGNORECASE),
    re.compile(rf"\brate\b[^.\n]{{0,60}}(?:{_TEN}|{_MOST_OF})", re.IGNORECASE),  # more often a noun than an order
    re.compile(
        rf"\brate\s+(?:this|these|it|us|our|them|paper|work)\b[^.\n]{{0,60}}(?:{_ANY_TEN}|{_MOST_OF})", re.IGNORECASE
    ),
    re.compile(
        rf"\b(?:{_GRADE})\b[^.\n]{{0,60}}\b(?:this|our|it|us|me)\b[^.\n]{{0,60}}(?:{_HIGH})"
        r"[^.\n]{0,40}\b(?:scor|rat(?:e|ing)|grade|mark|relevan|novel|scale|rank|accept)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?:relevance|novelty|score|rating|grade)\b[^.\n]{{0,20}}(?:[:=]|\bis\b|\bof\b|\bto\b|\bbe\b)\s*"
        rf"(?:10|ten)\b(?!\s*\\?%|[.,]\d){_AFTER_A_GRADE}",
        re.IGNORECASE,
    ),
    # A sentence that speaks to the model that reads it.
    re.compile(
        r"\b(?:ignore|disregard|forget|override|void)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all|any|your)\b"
        r"[^.\n]{0,40}\b(?:instruction|prompt|rule|rubric|topic|wish|criteri|guideline|direction)",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:(?:note|message|instructions?|reminder|attention)\s+(?:to|for)|dear|hey)\s+(?:(?:the|any|all|an?|every)\s+)?"
        r"(?:ai|llm|language|model|assistant|chatbot|reviewer|grader|rater|judge|system|whoever)s?\b[^.\n]{0,40}[:,]",
        re.IGNORECASE,
    ),
    re.compile(r"<\s*/?\s*(?:system|papers|topics|instructions?|assistant|user)\b", re.IGNORECASE),
    re.compile(
        r"\byou (?:are|must|should|will|have to)\b[^.\n]{0,60}\b(?:scor|rat(?:e|ing)|grad|rank|recommend|accept)",
        re.IGNORECASE,
    ),
)
_SENTENCE = re.compile(r"(?<=\.)\s+")  # no order reaches across a full stop
_ADDRESS = re.compile(r"(?<![^@\s<>()\[\]])[^@\s<>()\[\]]+@[^@\s<>()\[\]]+\.[^@\s<>()\[\]]+")


@dataclass(frozen=True, slots=True)
class Prompts:
    """The files of prompts/ and a hash of them all."""

    texts: dict[str, str]
    version: str

    @property
    def baits(self) -> list[tuple[str, str]]:
        """Title and abstract of each bait."""
        pairs = (part.strip().partition("\n") for part in self.texts["bait"].split("\n---\n"))
        return [(title.strip(), " ".join(abstract.split())) for title, _, abstract in pairs]


@dataclass(frozen=True, slots=True)
class Shown:
    """Papers as one call shows them: the text, which label is which paper, and the bait's label, if there is one."""

    text: str
    nonce: str
    labels: dict[str, Paper]
    bait: str = ""

    @property
    def asked(self) -> list[str]:
        """All labels, in the order of the text."""
        return sorted([*self.labels, *([self.bait] if self.bait else [])])


def load_prompts(home: Path | None) -> Prompts:
    """The prompts of the operator's home, else the package's."""
    texts = {name: find(f"prompts/{name}.md", home).read_text(encoding="utf-8") for name in FILES}
    digest = hashlib.sha256("\0".join(texts[name] for name in FILES).encode()).hexdigest()
    return Prompts(texts, digest[:16])


def show(papers: Sequence[Paper], nonce: str, prompts: Prompts, *, bait: bool = False) -> Shown:
    """The papers, each with its label on the line of its title, within fences that carry `nonce`.

    A bait's place and kind follow from the nonce; it is never first.
    """
    seed = int(hashlib.sha256(nonce.encode()).hexdigest(), 16)
    place = 1 + seed % len(papers) if bait else -1
    lines, labels, trap = [], {}, ""
    for number in range(1, len(papers) + 1 + bait):
        label = f"p{number:02}"
        if number - 1 == place:
            trap = label
            title, abstract = prompts.baits[seed // 1000 % len(prompts.baits)]
        else:
            paper = papers[number - 1 - (0 <= place < number - 1)]
            labels[label] = paper
            title, abstract = cleaned(paper.title), cleaned(paper.abstract)
        lines.append(f"[{label}] {title}\n{abstract}\n")
    text = f"<papers {nonce}>\n" + "\n".join(lines) + f"</papers {nonce}>"
    return Shown(text, nonce, labels, trap)


def scores_prompt(task: Task, shown: Shown, topics: Topics | None, prompts: Prompts, effort: str) -> Prompt:
    """The call that asks for the scores of all papers shown."""
    count = len(shown.asked)
    return Prompt(
        system=prompts.texts["rubric"],
        shared=shown.text,
        own=_own(topics, shown.nonce, prompts.texts[task]),
        schema=_scores_schema(task, shown.asked),
        max_tokens=64 + count * (_MOST[task] + _THOUGHT[effort]),
        usual_tokens=count * (USUAL_TOKENS[task] + _THOUGHT[effort]),
    )


def remarks_prompt(shown: Shown, topics: Topics, prompts: Prompts, language: str, effort: str) -> Prompt:
    """The call that asks for comment, evidence, topic and summary of all papers shown."""
    count = len(shown.asked)
    return Prompt(
        system=prompts.texts["rubric"],
        shared=shown.text,
        own=_own(topics, shown.nonce, prompts.texts["comment"].replace("{{language}}", language)),
        schema=_remarks_schema(shown.asked, [topic.number for topic in topics.topics]),
        max_tokens=64 + count * (_MOST["comments"] + _THOUGHT[effort]),
        usual_tokens=count * (USUAL_TOKENS["comments"] + _THOUGHT[effort]),
    )


def page(topics: str, prompts: Prompts) -> str:
    """What the model was told, as the Markdown page shows it."""
    texts = prompts.texts
    return (
        f"# Paper Selection Prompt\n\n{texts['rubric'].strip()}\n\n## Papers\n\n[PAPER LIST HERE]\n\n"
        f"{topics.strip()}\n\n## Task\n\n{texts['both'].strip()}\n"
    )


@lru_cache(maxsize=8192)  # a paper stands in its block, and in each reader's second call
def cleaned(text: str) -> str:
    """One line of visible text without the sentences that tell their reader how to grade."""
    plain = text if text.isascii() and text.isprintable() else _visible(text)
    line = " ".join(plain.split())
    return " ".join(sentence for sentence in _SENTENCE.split(line) if not _orders(sentence)) if _orders(line) else line


def orders_in(text: str) -> list[str]:
    """The sentences of a text that tell their reader how to grade."""
    line = " ".join(_visible(text).split())
    return [sentence for sentence in _SENTENCE.split(line) if _orders(sentence)]


def _visible(text: str) -> str:
    """Without control, format, private and unassigned characters; line breaks become spaces."""
    spaced = "".join(" " if c in "\n\t\r" else c for c in text)
    return "".join(c for c in spaced if unicodedata.category(c) not in ("Cf", "Cc", "Co", "Cn", "Cs"))


def _orders(text: str) -> bool:
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return any(pattern.search(folded) for pattern in _ORDERS)


def _own(topics: Topics | None, nonce: str, task: str) -> str:
    if topics is None:
        return task.strip()
    numbered = "\n".join(map(_listed_topic, topics.topics))
    wishes = _ADDRESS.sub("[address]", f"{numbered}\n\n{topics.body}").strip("\n")
    return f"<topics {nonce}>\n{wishes}\n</topics {nonce}>\n\n{task.strip()}"


def _listed_topic(topic: Topic) -> str:
    """One line for a topic as it was understood; the reader's own text, which follows, has all of it."""
    wishes = (("wanted", topic.relevant), ("unwanted", topic.irrelevant))
    said = (f"; {name}: {_shortened(text)}" for name, text in wishes if text)
    return f"Topic {topic.number}: {topic.name}{''.join(said)}"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_OF_A_WISH else line[:MOST_OF_A_WISH].rsplit(" ", 1)[0] + " …"


def _scores_schema(task: Task, labels: Sequence[str]) -> dict[str, Any]:
    """A list, not a map with a required key per label: a forced key hides that a paper was left out."""
    names = ("rel", "nov") if task == "both" else ("s",)
    values = {name: {"type": "integer", "minimum": 1, "maximum": 10} for name in names}
    return listed("scores", labels, values)


def _remarks_schema(labels: Sequence[str], topics: Sequence[int]) -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in ("evidence", "comment", "summary")}
    return listed("papers", labels, {"topic": {"type": "integer", "enum": list(topics)}, **texts})


def listed(name: str, labels: Sequence[str], fields: dict[str, Any]) -> dict[str, Any]:
    """The schema of an answer that is a list: at most one entry a label, with these fields, all of them required.

    Without that bound a small model goes on until its room is used up.
    """
    properties = {"i": {"type": "string", "enum": list(labels)}, **fields}
    entry = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {
        "type": "object",
        "properties": {name: {"type": "array", "items": entry, "maxItems": len(labels)}},
        "required": [name],
        "additionalProperties": False,
    }
