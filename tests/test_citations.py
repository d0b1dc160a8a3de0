"""What reference managers read of saved papers: nothing of it is lost or breaks out of its field."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.rendering.citations import FORMATS, bibtex, csl_json, ris
from newsletter.sources import origins
from newsletter.topics.references import read
from tests.builders import a_paper

ORIGINS = origins()
AT = datetime(2026, 11, 17, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_is_written_is_read_again(name: str) -> None:
    papers = [a_paper(1, submitted_at=AT), a_paper(2, title="Moss & lichen: 50% of $x_1$", authors=("Ø. Stein",))]
    found = read(FORMATS[name].write(papers, ORIGINS).encode(), "saved")
    assert found.problems == ()
    assert found.ids == ("2611.00001", "2611.00002")
    assert found.items[0].title == papers[0].title
    assert found.items[0].authors == papers[0].authors


def test_bibtex_has_what_arxiv_recommends() -> None:
    assert bibtex([a_paper(1, submitted_at=AT, doi="10.1/x")], ORIGINS) == (
        "@misc{2611.00001,\n"
        "  title = {{On the growth of moss number 1}},\n"
        "  author = {Ada Winter and Bo Summer},\n"
        "  year = {2026},\n"
        "  eprint = {2611.00001},\n"
        "  archiveprefix = {arXiv},\n"
        "  primaryclass = {q-bio.PE},\n"
        "  doi = {10.1/x},\n"
        "  url = {https://arxiv.org/abs/2611.00001},\n"
        "  month = nov,\n"
        "}\n"
    )


@settings(max_examples=150, deadline=None)
@example(r"\\{}")
@given(st.text(alphabet='ab{}\\\n\r"@,%$&# \u2028', min_size=1, max_size=30))
def test_no_title_breaks_out_of_its_field(title: str) -> None:
    papers = [a_paper(1, title=title), a_paper(2)]
    assert read(bibtex(papers, ORIGINS).encode(), "saved").ids == ("2611.00001", "2611.00002")
    assert ris(papers, ORIGINS).count("\r\nER  - \r\n") == 2
    assert [line[:6] for line in ris(papers, ORIGINS).split("\r\n")[:2]] == ["TY  - ", "TI  - "]
    assert len(json.loads(csl_json(papers, ORIGINS))) == 2
