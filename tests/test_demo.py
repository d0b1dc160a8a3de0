"""The demo shows the product: comments, scores, shared costs, without a key and without a network."""

import json
import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from newsletter.cli.demo import READERS
from newsletter.cli.recorded import MODEL, recorded
from newsletter.files import PACKAGE, find
from newsletter.models.sends import SendState
from newsletter.scoring.model.answers import quotes
from newsletter.store import Store
from tests.commands import Command

DATA = PACKAGE / "demo"


@pytest.fixture
def made(newsletter: Command, tmp_path: Path) -> tuple[Path, str]:
    """The demo's home, and what it said."""
    done = newsletter("demo", "--into", tmp_path / "demo")
    assert done.code == 0, done.err
    return tmp_path / "demo", done.out


def lines(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def mail(home: Path, slug: str) -> str:
    (path,) = (home / "var" / "outbox").rglob(f"{slug}.eml")
    part = message_from_bytes(path.read_bytes(), policy=policy.default).get_body(("plain",))
    assert part is not None
    return " ".join(part.get_content().split())


def test_two_readers_get_comments_and_scores_and_the_third_needs_no_model(made: tuple[Path, str]) -> None:
    home, _ = made
    ada, rosalind, emmy = (mail(home, slug) for slug in ("ada", "rosalind", "emmy"))
    assert "Calibration at a sixth of the cost of an ensemble" in ada
    assert "A cryptic pocket whose opening has an order" in rosalind
    assert MODEL in ada
    assert MODEL in rosalind
    assert MODEL not in emmy
    assert "sixth of the cost" not in rosalind


def test_the_readers_share_cached_abstracts_and_their_accounts_sum_to_what_was_used(made: tuple[Path, str]) -> None:
    home, said = made
    with Store.open(home / "var" / "newsletter.db") as store:
        rows = {row["subscriber"]: row for row in store.charges.grouped("subscriber", None)}
        total = sum(row["picodollars"] for row in store.charges.grouped("day", None))
        assert set(store.sends.counts()) == {SendState.ACCEPTED}
    assert set(rows) == {"ada", "rosalind"}
    assert all(row["cached_tokens"] > 1000 for row in rows.values())
    assert sum(row["picodollars"] for row in rows.values()) == total > 0
    assert re.search(rf"^ada\t\d+\t{rows['ada']['prompt_tokens']:,}\t", said, re.MULTILINE)


def test_it_says_what_it_did_where_the_emails_are_and_what_to_do_next(made: tuple[Path, str]) -> None:
    home, said = made
    assert "recorded answers, no model was called" in said
    for slug in READERS:
        (path,) = (home / "var" / "outbox").rglob(f"{slug}.html")
        assert f"  {path}\n" in said
    assert "newsletter init my-newsletter --me you@example.org" in said


def test_it_opens_the_emails(newsletter: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert newsletter("demo", "--into", tmp_path / "demo", "--open").code == 0
    assert [Path(address).stem for address in opened] == list(READERS)


def test_the_costs_of_the_demo_can_be_asked_for_in_its_home(
    newsletter: Command, made: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_HOME", str(made[0]))
    rows = json.loads(newsletter("costs", "--by", "subscriber", "--json").out)
    assert [row["subscriber"] for row in rows] == ["ada", "rosalind"]


def test_the_recorded_answers_are_what_a_model_could_have_said() -> None:
    papers = {str(paper["id"]): paper for paper in lines("mailing.jsonl")}
    for answer in lines("answers.jsonl"):
        paper, readers = papers[str(answer["id"])], answer["readers"]
        assert isinstance(readers, dict)
        assert not answer["evidence"] or quotes(str(answer["evidence"]), str(paper["abstract"]))
        for said in readers.values():
            assert 1 <= said["relevance"] <= 10
            assert bool(said["comment"]) == (said["relevance"] >= 5), "what is shown has a comment"


def test_the_recorded_model_counts_a_prefix_as_cached_from_its_second_use_on() -> None:
    model = recorded(DATA / "answers.jsonl", DATA / "mailing.jsonl", READERS)
    entry: dict[str, object] = {"properties": {"scores": {"items": {"properties": {"i": {}, "s": {}}}}}}
    papers = "".join(
        f"[p{n:02}] {paper['title']}\n{paper['abstract']}\n" for n, paper in enumerate(lines("mailing.jsonl"))
    )

    def asked(topics: str) -> dict[str, dict[str, int]]:
        content = [
            {"type": "text", "text": papers, "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "text", "text": topics},
        ]
        format_ = {"type": "json_schema", "json_schema": {"schema": entry}}
        answer = model.answer({"messages": [{"role": "user", "content": content}], "response_format": format_})
        scores = json.loads(answer["choices"][0]["message"]["content"])["scores"]
        assert len(scores) == len(lines("mailing.jsonl"))
        return dict(answer["usage"])

    first, second = asked(READERS["ada"]), asked(READERS["rosalind"])
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert (
        second["prompt_tokens_details"]["cached_tokens"] == first["prompt_tokens_details"]["cache_write_tokens"] > 1024
    )


@pytest.mark.parametrize("slug", READERS)
def test_each_reader_is_known_by_their_topics(slug: str) -> None:
    texts = {name: find(f"subscribers/{name}.md", None).read_text(encoding="utf-8") for name in READERS}
    assert [name for name, text in texts.items() if READERS[slug] in text] == [slug]
