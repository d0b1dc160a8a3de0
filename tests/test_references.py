"""What somebody collected, in the four ways in which reference managers write it down. All papers are invented."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.topics.references import MAX_BYTES, MOST, Reference, arxiv_id, read

# As Zotero's Better BibTeX and its own exporter write a preprint, an article and a chapter.
BIBTEX = r"""
@misc{winter_moss_2026,
	title = {Moss growth on {K3} stones: an \emph{O}($n^2$) account},
	url = {http://arxiv.org/abs/2601.01234},
	doi = {10.48550/arXiv.2601.01234},
	abstract = {We measure how moss covers stones, and why.},
	urldate = {2026-11-18},
	publisher = {arXiv},
	author = {Winter, Ada and Erd{\H o}s, P{\'a}l},
	month = jan,
	year = {2026},
	note = {arXiv:2601.01234 [q-bio]},
	keywords = {Computer Science - Machine Learning, Quantitative Biology - Populations and Evolution, moss},
}

@article{berg2025,
  title={Tides and lichen},
  author={Emmy Berg},
  journal={arXiv preprint arXiv:2505.00001},
  year={2025}
}

@article{old,
  title = "Strings of an earlier time",
  eprint = {hep-th/9901001},
  archivePrefix = {arXiv},
}

@incollection{chapter, title = {A chapter without a number}, year = 1999}
"""

RIS = """TY  - UNPB
TI  - Moss growth on stones
AU  - Winter, Ada
AU  - Berg, Emmy
AB  - We measure how moss covers stones,
and why.
DA  - 2026/01/05/
DO  - 10.48550/arXiv.2601.01234
UR  - http://arxiv.org/abs/2601.01234
KW  - Quantitative Biology - Populations and Evolution
KW  - moss
ER  -

TY  - JOUR
T1  - Tides and lichen
N2  - Lichen follows the tides.
M1  - arXiv:2505.00001
"""

CSL = json.dumps(
    [
        {
            "id": "http://zotero.org/users/1/items/ABC",
            "type": "article",
            "abstract": "We measure how <i>moss</i> covers stones.",
            "author": [{"family": "Winter", "given": "Ada"}, {"literal": "The Moss Group"}],
            "DOI": "10.48550/arXiv.2601.01234",
            "number": "arXiv:2601.01234",
            "publisher": "arXiv",
            "title": "Moss growth on stones",
        },
        {"type": "article-journal", "title": "Tides and lichen", "URL": "https://arxiv.org/pdf/2505.00001v2"},
        {"type": "book"},
        "no reference",
    ]
)


def test_bibtex_of_a_reference_manager_is_read_as_plain_text() -> None:
    found = read(BIBTEX.encode(), "refs.bib")
    assert found.problems == ()
    assert found.items[0] == Reference(
        title="Moss growth on K3 stones: an O(n²) account",
        abstract="We measure how moss covers stones, and why.",
        authors=("Ada Winter", "Pál Erdős"),
        keywords=("Machine Learning", "Populations and Evolution", "moss"),
        arxiv_id="2601.01234",
    )
    assert [(item.title, item.arxiv_id) for item in found.items[1:]] == [
        ("Tides and lichen", "2505.00001"),
        ("Strings of an earlier time", "hep-th/9901001"),
        ("A chapter without a number", ""),
    ]
    assert found.ids == ("2601.01234", "2505.00001", "hep-th/9901001")


def test_ris_is_read_also_where_its_last_record_was_cut_off() -> None:
    found = read(RIS.replace("\n", "\r\n").encode("utf-8-sig"), "refs.ris")
    assert found.items == (
        Reference(
            "Moss growth on stones",
            "We measure how moss covers stones, and why.",
            ("Ada Winter", "Emmy Berg"),
            ("Populations and Evolution", "moss"),
            "2601.01234",
        ),
        Reference("Tides and lichen", "Lichen follows the tides.", arxiv_id="2505.00001"),
    )


def test_csl_json_is_read_and_what_is_no_reference_is_named() -> None:
    found = read(CSL.encode(), "refs.json")
    assert found.items[0] == Reference(
        "Moss growth on stones",
        "We measure how moss covers stones.",
        ("Ada Winter", "The Moss Group"),
        (),
        "2601.01234",
    )
    assert found.ids == ("2601.01234", "2505.00001")
    assert found.problems == (
        "refs.json: item 3: has no title and was left out",
        "refs.json: item 4: is no reference and was left out",
    )


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("2601.01234\n2505.00001v3\n", ("2601.01234", "2505.00001")),
        ("see arXiv:2601.01234, and https://arxiv.org/abs/2505.00001v2.", ("2601.01234", "2505.00001")),
        ("https://www.arxiv.org/pdf/2601.01234v1.pdf", ("2601.01234",)),
        ("10.48550/arXiv.2601.01234; hep-th/9901001 math.AG/0601001", ("2601.01234", "hep-th/9901001", "math.AG/0601001")),
        ("2601.01234 2601.01234v2", ("2601.01234",)),
    ],
)  # fmt: skip
def test_identifiers_are_found_as_people_paste_them(text: str, ids: tuple[str, ...]) -> None:
    assert read(text.encode(), "ids").ids == ids


@pytest.mark.parametrize("text", ["", "moss on stones", "10.1000/182", "2699.01234", "1234.5", "0900-1234.56789"])
def test_a_text_without_references_is_refused_with_what_is_read(text: str) -> None:
    with pytest.raises(InputError, match="ids: no reference was found: BibTeX, RIS, CSL-JSON and arXiv identifiers"):
        read(text.encode(), "ids")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"\xff", r"refs: is not valid UTF-8 \(byte 0\)"),
        (b"x" * (MAX_BYTES + 1), "refs: is 2000001 bytes; references are read up to 2000000"),
        (b'[{"title":', "refs: is not valid CSL-JSON"),
        (b"[" * 100_000, "refs: is not valid CSL-JSON"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(raw: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as raised:
        read(raw, "refs")
    assert "\n" not in str(raised.value)


def test_a_torn_entry_harms_no_other_and_is_named() -> None:
    torn = BIBTEX.replace("year={2025}\n}", "year={2025\n")
    found = read(torn.encode(), "refs.bib")
    assert found.ids == ("2601.01234", "hep-th/9901001")
    assert found.problems == ("refs.bib: line 16: is no whole BibTeX entry and was left out",)


def test_a_library_beyond_measure_is_read_in_part_and_says_so() -> None:
    found = read("\n".join(f"2601.{n:05}" for n in range(MOST + 5)).encode(), "ids")
    assert len(found.items) == MOST
    assert found.problems == (f"ids: has more than {MOST} references; the first {MOST} were read",)


def test_a_name_of_an_archive_is_read_from_what_calls_it_so() -> None:
    assert arxiv_id("arXiv:2601.01234v2 [cs.LG]") == "2601.01234"
    assert arxiv_id("https://doi.org/10.48550/ARXIV.2601.01234") == "2601.01234"
    assert not arxiv_id("10.1103/PhysRevD.2601.01234")


@given(st.one_of(st.binary(max_size=300), st.text('@{}[]"=,aTYER -\n\\:#$', max_size=300).map(str.encode)))
def test_whatever_is_pasted_is_read_or_refused_in_one_sentence(raw: bytes) -> None:
    try:
        found = read(raw, "refs")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert found.items or found.problems
        assert all(item.title or item.arxiv_id for item in found.items)
