"""An edition as HTML, plain text and Markdown.

The golden files are what people get, to be read as such: after a wanted change, write them anew with
`GOLDEN=write make test`, and look at the difference.
"""

import os
import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.models.editions import Cadence, Edition, Links
from newsletter.models.papers import Paper
from newsletter.models.scores import Reason, Score, Scored, Status, Strength, Usage
from newsletter.rendering.shorten import BUDGET
from newsletter.rendering.templates import Templates, compile_mjml, load_templates, markdown, render, web_copy
from newsletter.rendering.theme import PAPER, Theme, contrast
from newsletter.settings import Mail
from newsletter.sources import origins
from newsletter.text.printable import one_line
from newsletter.text.tex import displayed
from tests.builders import WEDNESDAY, a_paper, an_edition, scored
from tests.editions import LINKS, sample_edition, sample_papers, samples

GOLDEN = Path(__file__).parent / "golden"
SENDER = Mail.model_validate({"operator": "The Moss Institute", "postal_address": "12 Example Lane, 00000 Sampletown"})
TEMPLATES = load_templates(None, origins(), Theme(), SENDER)
ACTIVE = {"script", "iframe", "object", "embed", "form", "input", "svg", "img", "link", "base", "video", "audio"}


class Page(HTMLParser):
    """A page as a browser sees it: its tags, its attributes, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.pieces: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]
        self._hidden += tag in ("style", "title")
        self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())

    @property
    def urls(self) -> list[str]:
        return [value for name, value in self.attributes if name in ("href", "src", "background", "action")]


def html_of(edition: Edition, links: Links = LINKS, templates: Templates = TEMPLATES) -> str:
    return render(edition, links, templates).html


def text_of(edition: Edition, links: Links = LINKS) -> str:
    return render(edition, links, TEMPLATES).text


# Golden files


@pytest.mark.parametrize(
    "name", ["daily", "daily-german", "daily-local", "together", "weekly", "no-match", "scoring-outage", "bare"]
)
@pytest.mark.parametrize("form", ["html", "txt", "md"])
def test_the_edition_looks_as_it_did(name: str, form: str) -> None:
    edition, links = samples()[name]
    email = render(edition, links, TEMPLATES)
    written = {"html": email.html, "txt": email.text, "md": markdown(edition, TEMPLATES)}[form]
    golden = GOLDEN / f"{name}.{form}"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(written, encoding="utf-8")
    assert written == golden.read_text(encoding="utf-8")


def test_the_markdown_page_is_the_one_people_have_always_got() -> None:
    paper = a_paper(7, title=r"Moss & $\alpha$-stones", authors=("A. {\\'E}cole", "B"), abstract="At $50 & more.")
    edition = an_edition(
        [scored(paper, 9, None, comment="Fits topic 1.")],
        scorer="openai",
        model="some-model-1",
        near_misses=(scored(a_paper(8), 6, 4),),
        not_scored=(a_paper(9),),
        prompt="Be kind.",
    )
    assert markdown(edition, TEMPLATES) == (
        "# Personalized Daily ArXiv Papers 2026-11-18\n\n"
        "| *[some-model-1]*   | Prompt   | Completion   | Total   |\n"
        "|:------------------:|:--------:|:------------:|:-------:|\n"
        "| **Token**          | 0        | 0            | 0       |\n"
        "| **Cost**           | $0.00    | $0.00        | $0.00   |\n\n"
        "Total arXiv papers: 300\n\nTotal scanned papers: 280\n\nTotal relevant papers: 1\n\n"
        "**Table of contents with paper titles:**\n\n"
        "1. [Moss & $\\alpha$-stones](#user-content-link1)\n**Authors:** A. {\\'E}cole, B\n\n---\n\n"
        '## 1. [Moss & $\\alpha$-stones](https://arxiv.org/abs/2611.00007) <a id="link1"></a>\n\n'
        "**ArXiv ID:** 2611.00007\n\n**Authors:** A. {\\'E}cole, B\n\n**Abstract:** At $50 & more.\n\n"
        "**Comment:** Fits topic 1.\n\n**Relevance:** 9\n**Novelty:** not rated\n\n---\n\n"
        "## Near misses\n\n"
        "- [On the growth of moss number 8](https://arxiv.org/abs/2611.00008) (relevance 6, novelty 4)\n\n---\n\n"
        "## Not scored\n\n- [On the growth of moss number 9](https://arxiv.org/abs/2611.00009)\n\n---\n\n"
        "Be kind."
    )


# What a reader is told


def test_the_subject_names_the_strongest_paper_and_the_count() -> None:
    edition = an_edition([scored(a_paper(1, title="Moss on the Moon")), scored(a_paper(2))])
    assert render(edition, Links(), TEMPLATES).subject == "Moss on the Moon · 2 papers for you"


@pytest.mark.parametrize("title", ["Long " * 60, "苔" * 300, "x" * 300, "\r\nBcc: eve@example.org", "\x00", ""])
def test_the_subject_stays_under_78_characters_on_one_line(title: str) -> None:
    subject = render(an_edition([scored(a_paper(1, title=title))] * 12), Links(), TEMPLATES).subject
    assert len(subject) < 78
    assert subject.endswith("12 papers for you")
    assert subject.isprintable()


def test_the_first_line_of_the_mail_is_what_the_mailbox_shows_beside_the_subject() -> None:
    for edition, links in samples().values():
        email = render(edition, links, TEMPLATES)
        assert Page(email.html).text.startswith(email.preheader)
        assert " ".join(email.text.split()).startswith(email.preheader)


def test_who_read_the_papers_is_said() -> None:
    assert "read by gpt-5-mini, your share $0.0040" in html_of(sample_edition())
    assert "no language model read these" in html_of(sample_edition(scorer="local", usage=Usage()))


def test_a_mail_of_unknown_outcome_is_the_first_thing_said() -> None:
    edition, links = samples()["daily-missed"]
    page = Page(html_of(edition, links))
    assert page.text.startswith("Your last mail may not have reached you. Read it on the web")
    assert links.missed_web_copy in page.urls


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no-match", "none of the new papers came close enough"),
        ("holiday", "arXiv announced nothing"),
        ("arxiv-fault", "arXiv's mailing could not be read"),
        ("arxiv-partial", "arXiv's mailing was incomplete"),
        ("scoring-fault", "Not all papers could be scored. The papers without a score are named below."),
        ("scoring-outage", "the new papers could not be scored"),
        ("budget", "were ranked by similarity only: your budget of this month is used up."),
        ("catch-up", "Too old to be part of this mail: the mailings of Friday 13 November"),
        ("welcome", "Good to have you"),
    ],
)
def test_no_failure_looks_like_a_quiet_day(name: str, says: str) -> None:
    edition, links = samples()[name]
    email = render(edition, links, TEMPLATES)
    assert says in Page(email.html).text
    assert says in " ".join(email.text.split())


def test_a_weekly_mail_does_not_speak_of_today() -> None:
    week = an_edition(status=Status.NO_MATCH, cadence=Cadence.WEEKLY, mailings=(WEDNESDAY.replace(day=16), WEDNESDAY))
    email = render(week, Links(), TEMPLATES)
    assert email.subject == "Nothing for you this time · 16 to 18 November"
    assert "today" not in Page(email.html).text


def test_every_status_without_papers_has_a_reason_and_a_subject() -> None:
    said = {render(an_edition(status=status), Links(), TEMPLATES).subject for status in Status}
    assert len(said) == len(Status)


def test_papers_go_by_topic_and_numbers_rise_down_the_page() -> None:
    papers = [scored(a_paper(i, title=f"Paper {i}"), topic=("Moss", "Stones")[i % 2]) for i in range(1, 5)]
    page = Page(html_of(an_edition(papers)))
    order = ["Stones", "1. Paper 1", "2. Paper 3", "Moss", "3. Paper 2", "4. Paper 4"]
    shown = page.text[page.text.rindex("Stones 1.") :]
    assert [shown.index(words) for words in order] == sorted(shown.index(words) for words in order)


def test_a_brief_edition_has_five_in_full_ten_in_short_and_a_line_each_for_the_rest() -> None:
    edition = an_edition([scored(a_paper(i), topic="Moss", comment="It fits.") for i in range(1, 41)])
    html = html_of(edition)
    assert (html.count("From the abstract:"), html.count("It fits.")) == (5, 5 + 10 + 3)
    assert all(f"/abs/{item.paper.id}" in html and item.paper.id in Page(html).text for item in edition.papers)


def test_a_brief_mail_of_forty_papers_is_read_in_five_minutes() -> None:
    for name in ("daily-40", "local-40"):
        assert len(Page(html_of(*samples()[name])).text.split()) <= 1300, name


def test_the_first_screen_names_the_best_three_with_what_is_new_and_why() -> None:
    edition, links = samples()["daily"]
    top = Page(html_of(edition, links)).text.partition("Methods with guarantees")[0]
    for item in edition.papers[:3]:
        assert item.paper.shown.title in top
        assert item.score.comment[:40] in top


@pytest.mark.parametrize("name", ["daily", "daily-page", "weekly", "bare", "daily-german"])
def test_the_plain_text_begins_with_how_many_the_best_title_and_why(name: str) -> None:
    edition, links = samples()[name]
    start = " ".join(text_of(edition, links)[:350].split())
    assert start.startswith(str(len(edition.papers)))
    assert name == "bare" or str(edition.totals.candidates) in start
    assert edition.papers[0].paper.shown.title in start
    assert edition.papers[0].score.comment[:40] in start


def test_without_a_model_no_number_from_1_to_10_is_shown_but_a_word() -> None:
    edition, links = samples()["daily-local"]
    page = Page(html_of(edition, links))
    assert {"close match", "match", "near"} <= set(re.findall("close match|match|near", page.text))
    assert "relevance 1" not in page.text
    assert "novelty" not in page.text
    assert "Closest: “" in page.text


def test_a_comment_that_names_another_topic_is_followed_by_the_heading() -> None:
    item = scored(a_paper(), topic="Moss", comment="A classic of stones, with a bound.")
    page = Page(html_of(an_edition([item], topics=("Moss", "Stones"), scorer="openai", model="m")))
    assert "Stones 1. On the growth" in page.text


def test_code_and_project_pages_are_linked_from_well_known_hosts_only() -> None:
    abstract = (
        "We grow moss. Code: https://github.com/moss/grow. See http://moss.github.io/page and https://evil.example/x."
    )
    urls = Page(html_of(an_edition([scored(a_paper(abstract=abstract))]))).urls
    assert "https://github.com/moss/grow" in urls
    assert "https://moss.github.io/page" in urls
    assert not [url for url in urls if "evil" in url]


def test_marks_are_offered_where_their_route_exists() -> None:
    edition = sample_edition(8)
    links = replace(LINKS, feedback="https://news.example.org/f/token")
    urls = Page(html_of(edition, links)).urls
    for mark in ("more", "less", "save"):
        assert sum(url.startswith(links.feedback) and url.endswith(f"&mark={mark}") for url in urls) == 8
        assert f"&mark={mark}" in text_of(edition, links)
    assert links.feedback in urls, "all papers of the mail, on one page"


def test_the_account_says_this_month_and_who_wrote_the_comments() -> None:
    page = Page(html_of(sample_edition()))
    assert "this month $0.6200 of $1.00" in page.text
    assert "Comments written by gpt-5-mini." in page.text
    assert "written by" not in Page(html_of(*samples()["daily-local"])).text


def test_every_mail_carries_both_sentences_that_arxiv_asks_for() -> None:
    for edition, links in samples().values():
        email = render(replace(edition, language="en"), links, TEMPLATES)
        for text in (Page(email.html).text, " ".join(email.text.split())):
            assert "Thank you to arXiv for use of its open access interoperability." in text
            assert "was not reviewed or approved by, nor does it necessarily express or reflect" in text


def test_just_under_the_cut_is_only_what_is_one_point_below() -> None:
    def heading(*relevances: int) -> str:
        near = tuple(scored(a_paper(20 + i), relevance) for i, relevance in enumerate(relevances))
        return html_of(an_edition([scored(a_paper())], near_misses=near, min_relevance=7, min_novelty=1))

    assert ">Just under the cut<" in heading(6, 6)
    assert ">Just under the cut<" not in heading(6, 4)
    assert ">Closest<" in heading(6, 4)


# The whole page


def rows(edition: Edition) -> dict[str, list[str]]:
    """What the whole page has, row by row; each text must be found."""
    usage, cost, totals = edition.usage, edition.cost, edition.totals
    papers = edition.papers
    return {
        "year": [str(edition.date.year)],
        "model": [edition.model],
        "tokens": [str(n) for n in (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)],
        "cost": [f"${part}" for part in (cost.prompt, cost.completion, cost.total)],
        "announced": [str(totals.announced)],
        "scanned": [str(totals.scanned)],
        "relevant": [str(totals.relevant)],
        "titles": [item.paper.shown.title for item in papers],
        "authors": [name for item in papers for name in item.paper.shown.authors[:6]],
        "links": [],
        "ids": [item.paper.id for item in papers],
        "abstracts": [one_line(item.paper.shown.abstract) for item in papers],
        "comments": [item.score.comment for item in papers],
        "relevance": [f"relevance {item.score.relevance}" for item in papers],
        "novelty": [f"novelty {item.score.novelty}" for item in papers],
    }


@pytest.mark.parametrize("count", [25, 38])
def test_a_page_has_everything_of_every_paper_in_html_text_and_attachment(count: int) -> None:
    edition = sample_edition(count, length="page", attach="page", prompt="Be kind.", near_misses=())
    email = render(edition, LINKS, TEMPLATES)
    assert len(email.html.encode()) <= BUDGET
    assert email.attachment
    page = Page(email.html)
    for row, texts in rows(edition).items():
        for text in texts:
            assert text in page.text, row
            assert text in " ".join(email.text.split()), row
    for item in edition.papers:
        assert page.text.count(item.paper.shown.title) >= 2, "in the contents and above its abstract"
        assert f"https://arxiv.org/abs/{item.paper.id}" in page.urls
        assert item.paper.abstract in email.attachment.text
    assert email.attachment.text == markdown(edition, TEMPLATES)
    assert email.attachment.text.endswith("Be kind.")
    assert "Be kind." not in email.html + email.text + web_copy(edition, LINKS, TEMPLATES)


def different_words(text: str) -> int:
    return len({word for word in text.split() if re.search(r"\w", word)})


@pytest.mark.parametrize("count", [1, 7, 15, 40, 200])
@pytest.mark.parametrize("length", ["brief", "page"])
def test_the_text_names_all_and_has_as_many_abstracts_as_its_html_bears(count: int, length: str) -> None:
    """Filters take a text of three times the words of its HTML for two mails in one."""
    edition = sample_edition(papers=many(count), length=length)
    email = render(edition, LINKS, TEMPLATES)
    text, flowing = email.text, " ".join(email.text.split())
    assert different_words(text) <= 2.85 * different_words(Page(email.html).text)
    for item in edition.papers:
        assert all(name in flowing for name in item.paper.shown.authors)
        assert f"https://arxiv.org/abs/{item.paper.id}" in text
    assert all(one_line(item.paper.shown.abstract) in flowing for item in edition.papers[:5])


def test_what_the_text_leaves_out_is_what_it_says() -> None:
    edition = sample_edition(40)
    flowing = " ".join(text_of(edition).split())
    hidden = [one_line(item.paper.shown.abstract) not in flowing for item in edition.papers]
    assert f"The abstracts of the {sum(hidden)} papers last in rank are left out here" in flowing
    assert hidden == sorted(hidden), "the best keep theirs"
    whole = " ".join(text_of(sample_edition(40, length="page")).split())
    assert all(one_line(item.paper.shown.abstract) in whole for item in edition.papers)
    assert "left out" not in whole


def test_an_edition_of_several_mailings_has_the_best_first_and_then_goes_by_day() -> None:
    monday = WEDNESDAY.replace(day=16)
    papers = [replace(scored(a_paper(i)), date=(monday, WEDNESDAY)[i % 2]) for i in range(1, 10)]
    edition = an_edition(papers, cadence=Cadence.WEEKLY, mailings=(monday, WEDNESDAY))
    page = Page(html_of(edition))
    assert "16 to 18 November 2026" in page.text
    headings = re.findall("The best of the week(?= 1)|Monday 16 November(?= 6)|Wednesday 18 November(?= 8)", page.text)
    assert headings == ["The best of the week", "Monday 16 November", "Wednesday 18 November"]


def test_authors_are_shortened_after_six_but_followed_ones_are_kept_and_marked() -> None:
    paper = a_paper(authors=tuple(f"Author {i}" for i in range(1, 10)))
    item = replace(scored(paper), followed=("Author 8",))
    assert "Author 5, Author 6, ★ Author 8 and 2 more" in html_of(an_edition([item], length="page"))
    assert "Author 1, ★ Author 8 and 7 more" in html_of(an_edition([item]))


def test_a_link_appears_only_when_its_route_exists() -> None:
    edition = sample_edition(3)
    without, with_all = Page(html_of(edition, Links())).urls, Page(html_of(edition)).urls
    assert not [url for url in without if "news.example.org" in url]
    for url in (LINKS.unsubscribe, LINKS.web_copy, LINKS.preferences, LINKS.feed):
        assert url in with_all
        assert url in text_of(edition)
    assert with_all.count(LINKS.web_copy) == text_of(sample_edition(40)).count(LINKS.web_copy) == 1


def test_unsubscribing_is_possible_near_the_top() -> None:
    html = html_of(sample_edition())
    assert html.index(LINKS.unsubscribe) < html.index("<h1")


def test_the_contents_jump_to_papers_that_are_there() -> None:
    for edition, links in samples().values():
        page = Page(html_of(edition, links))
        ids = [value for name, value in page.attributes if name == "id"]
        assert {url[1:] for url in page.urls if url.startswith("#")} <= set(ids)
        assert len(ids) == len(set(ids))


def test_the_plain_text_is_complete_at_72_columns() -> None:
    for edition, links in samples().values():
        text = text_of(edition, links)
        long = [line for line in text.splitlines() if len(line) > 72 and "https://" not in line]
        assert long == []
        told = [*(item.paper for item in (*edition.papers, *edition.near_misses)), *edition.not_scored]
        flowing = " ".join(text.split())
        for paper in told:
            assert one_line(paper.shown.title) in flowing
        assert SENDER.postal_address in text


def test_the_web_copy_shows_nothing_of_the_topics_file() -> None:
    item = Scored(
        a_paper(authors=("Ada Winter",)), Score(9, 8, "My secret plan", "Fits my secret plan."), ("Ada Winter",)
    )
    page = web_copy(
        an_edition([item], near_misses=(item,), topics=("My secret plan",), prompt="secret"), LINKS, TEMPLATES
    )
    assert "On the growth of moss" in page
    assert "secret" not in page
    assert "★" not in page


# Languages and themes


def test_the_frame_speaks_the_readers_language() -> None:
    german = html_of(sample_edition(9, language="de"))
    assert "9 Arbeiten für Sie von 224 neuen in cs.LG, stat.ML" in german
    assert "Mittwoch, 18. November 2026" in german
    assert '<html lang="de"' in german
    assert '<h3 id="p1" lang="en"' in german
    assert "artículos para ti" in html_of(sample_edition(9, language="es-MX"))


@pytest.mark.parametrize("language", ["en", "tlh", "../../etc", "", "de; rm"])
def test_a_language_without_a_catalogue_is_spoken_to_in_english(language: str) -> None:
    assert "9 papers for you of 224 new" in html_of(sample_edition(9, language=language))


def test_the_operator_sets_name_colours_logo_and_footer() -> None:
    theme = Theme(name="Moss Daily", logo="MOSS", accent="#00529b", dark_accent="#8ab4f8", footer="Grow well. <3")
    html = html_of(sample_edition(2), templates=load_templates(None, origins(), theme, SENDER))
    for words in (">MOSS<", "Moss Daily", "#00529b", "#8ab4f8", "Grow well. &lt;3", "The Moss Institute"):
        assert words in html


def test_an_unreadable_colour_is_refused() -> None:
    assert contrast("#000000", PAPER) == pytest.approx(21)
    with pytest.raises(ValueError, match=r"#ffcc00 on #ffffff has a contrast of 1.5"):
        Theme(accent="#ffcc00")


def test_a_template_of_the_home_replaces_ours(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "digest.txt").write_text("{{ told.status }}!", encoding="utf-8")
    email = render(an_edition([scored(a_paper())]), Links(), load_templates(tmp_path, origins()))
    assert email.text.startswith("1 paper for you of 250 new")
    assert "<h1" in email.html


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("digest.txt", "one\n{% if %}", r"digest\.txt:2: "),
        ("digest.mjml", "<mjml><mj-body>", r"digest\.mjml: is not valid MJML"),
    ],
)
def test_a_broken_template_is_named_with_its_line(tmp_path: Path, name: str, source: str, says: str) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / name).write_text(source, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        load_templates(tmp_path, origins())


# Size


def many(count: int, **fields: object) -> tuple[Scored, ...]:
    papers = sample_papers()
    return tuple(
        scored(displayed(replace(papers[i % len(papers)], id=f"2611.{i:05}", **fields)), summary="Moss grows. " * 9)  # type: ignore[arg-type]
        for i in range(count)
    )


@pytest.mark.parametrize("count", [1, 38, 70, 200])
@pytest.mark.parametrize("length", ["brief", "page"])
def test_any_number_of_papers_fits_and_all_are_named(count: int, length: str) -> None:
    edition = sample_edition(papers=many(count), length=length)
    email = render(edition, LINKS, TEMPLATES)
    assert len(email.html.encode()) <= BUDGET
    page, flowing = Page(email.html), " ".join(email.text.split())
    for item in edition.papers:
        assert f"https://arxiv.org/abs/{item.paper.id}" in page.urls
        assert item.paper.shown.title in page.text
        assert item.paper.shown.title in flowing


def test_three_thousand_authors_and_the_longest_texts_fit() -> None:
    crowd = tuple(f"Author Number{i}" for i in range(3000))
    huge = many(200, authors=crowd, abstract="Moss & stone. " * 400, comment="page " * 200, journal_ref="J " * 200)
    huge = tuple(replace(item, followed=crowd[:200]) for item in huge)
    edition = sample_edition(papers=huge, length="page", not_scored=tuple(i.paper for i in many(300)))
    html = html_of(edition)
    assert len(html.encode()) <= BUDGET
    assert all(f"/abs/{item.paper.id}" in html for item in huge)


def test_abstracts_are_shortened_from_the_bottom_up() -> None:
    abstract = "Moss grows slowly on every stone. " * 100
    edition = an_edition([scored(a_paper(i, abstract=abstract)) for i in range(1, 40)], length="page")
    lengths = [len(text) for text in re.findall(r"Moss grows slowly[^<]*", html_of(edition).partition("<h3")[2])]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] >= len(abstract.strip())
    assert "Shortened, so that no mailbox cuts it" in html_of(edition)
    assert "Shortened, so that no mailbox cuts it" not in html_of(sample_edition())


def test_a_paper_never_costs_twice_its_text_in_markup() -> None:
    edition = sample_edition(40)
    one_less = replace(edition, papers=edition.papers[:-1])
    for bigger, smaller in ((edition, one_less), (sample_edition(9, length="page"), sample_edition(8, length="page"))):
        more, less = html_of(bigger), html_of(smaller)
        text = len(Page(more).text.encode()) - len(Page(less).text.encode())
        assert len(more.encode()) - len(less.encode()) - text < 2 * text


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "Because you liked “Bread”."),
        ("de", "Weil Ihnen „Bread“ gefiel."),
        ("es", "Porque te gustó «Bread»."),
        ("fr", "Parce que vous avez aimé « Bread »."),
    ],
)
@pytest.mark.parametrize("by_model", [True, False])
def test_a_paper_like_one_that_the_reader_liked_says_so_before_all_else(
    language: str, says: str, by_model: bool
) -> None:
    item = scored(a_paper(1), comment="It fits." if by_model else "", topic="Moss")
    item = replace(item, reason=Reason(liked=("2611.00009",), strength=None if by_model else Strength.MATCH))
    edition = an_edition(
        [item], liked=(("2611.00009", "Bread"),), language=language, scorer="openai" if by_model else "local"
    )
    for written in (html_of(edition), " ".join(text_of(edition).split())):
        assert says in written.replace("\N{NO-BREAK SPACE}", " ")
    assert "Bread" not in web_copy(edition, LINKS, TEMPLATES), "what a reader marked stays in their own mail"
    assert says not in html_of(replace(edition, liked=()))


# Hostile text


HOSTILE = st.text(max_size=120) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "javascript:alert(1)",
        "{{ 7 * 7 }}{% raw %}",
        "]]></style><iframe>",
        "\r\nBcc: eve@example.org\r\n\r\n<b>",
        "\x00\x0b\x1f\ufffe\ud800",
        "\u202egnirts \u2066x",
        "שלום عالم 苔 🌱",
        "&lt;b&gt; &amp; <!-- x",
    ]
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(HOSTILE, min_size=8, max_size=8), language=st.sampled_from(["en", "de"]))
def test_any_text_in_any_field_stays_text(texts: list[str], language: str) -> None:
    title, author, abstract, comment, topic, summary, identifier, model = texts
    paper = displayed(
        Paper(identifier, title, (author, author), abstract, (topic,), topic, comment=comment, journal_ref=summary)
    )
    item = Scored(paper, Score(9, 8, topic, comment, summary=summary), (author,))
    edition = an_edition(
        [item], scorer="openai", model=model, categories=(author,),
        near_misses=(item,), not_scored=(paper,), language=language,
    )  # fmt: skip
    email = render(edition, LINKS, TEMPLATES)
    page = Page(email.html)
    assert not ACTIVE & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(re.match(r"https://(arxiv\.org|news\.example\.org)/|https://arxiv\.org$|#p1$", url) for url in page.urls)
    for text in (paper.shown.title, paper.shown.abstract, model):
        assert one_line(text) in page.text
        assert one_line(text) in " ".join(email.text.split())
    assert "\r" not in email.html + email.text + email.subject
    email.html.encode()
    email.text.encode()


# What a template may not do


@pytest.mark.parametrize(
    "reach",
    [
        '<mj-raw><link rel="stylesheet" type="text/css" href="{}" /></mj-raw>',
        '<mj-raw><style>@import url("{}");</style></mj-raw>',
        '<mj-include path="{}" type="css" />',
    ],
)
@pytest.mark.parametrize("where", ["file", "http://127.0.0.1:1/style.css"])
def test_compiling_a_template_reads_no_network_and_no_file(tmp_path: Path, reach: str, where: str) -> None:
    style = tmp_path / "style.css"
    style.write_text("p { color: #123456; }", encoding="utf-8")
    head = reach.format(style if where == "file" else where)
    body = "<mj-section><mj-column><mj-text><p>Moss</p></mj-text></mj-column></mj-section>"
    source = f"<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"
    with suppress(ValueError):  # refused is as good as left alone
        assert "#123456" not in compile_mjml(source, Theme())
