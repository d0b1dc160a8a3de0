"""Decides how an edition looks: HTML, plain text and Markdown of one edition.

The MJML frame is compiled and its CSS inlined once per template; the placeholders survive both, and Jinja2 with
autoescape fills the result per edition. So text from arXiv, a model or a subscriber never meets an XML parser.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from mjml import mjml2html
from premailer import Premailer

from newsletter.models import Edition, Email, Links, Paper, Scored
from newsletter.resources import find

AUTHORS_SHOWN = 6
ABSTRACT_PAGE = "https://arxiv.org/abs/"
PDF_PAGE = "https://arxiv.org/pdf/"


@dataclass(frozen=True, slots=True)
class Templates:
    """The compiled templates; made once, used for every edition."""

    html: Template
    text: Template
    markdown: Template
    mailer: str = "arXiv newsletter"


def load_templates(home: Path | None) -> Templates:
    """Reads and compiles the templates of the home, else those of the package."""
    plain = _environment(autoescape=False)
    return Templates(
        html=_environment(autoescape=True).from_string(compile_mjml(_read("digest.mjml", home))),
        text=plain.from_string(_read("digest.txt", home)),
        markdown=plain.from_string(_read("digest.md", home)),
    )


def compile_mjml(source: str) -> str:
    """MJML as HTML with its CSS inlined, Jinja placeholders untouched. Reads no file and no network."""
    html = mjml2html(source, fonts={}).replace("<!doctype html>", "<!DOCTYPE html>", 1)
    inliner = Premailer(
        html,
        allow_network=False,
        disable_validation=True,
        keep_style_tags=True,
        strip_important=False,
        cssutils_logging_level=logging.CRITICAL,
    )
    return str(inliner.transform())


def render(edition: Edition, links: Links, templates: Templates) -> Email:
    """The email of an edition."""
    context = {"edition": edition, "links": links, "subject": _subject(edition)}
    return Email(
        subject=_subject(edition),
        html=templates.html.render(context),
        text=templates.text.render(context),
    )


def markdown(edition: Edition, templates: Templates) -> str:
    """The edition as a Markdown page, with the raw text of its papers."""
    return templates.markdown.render(edition=edition, table=_token_table(edition))


def _token_table(edition: Edition) -> str:
    """Tokens and cost, each column as wide as its widest cell and at least its heading + 2."""
    usage, cost = edition.usage, edition.cost
    heads = [f"*[{edition.model or edition.scorer}]*", "Prompt", "Completion", "Total"]
    rows = [
        ["**Token**", str(usage.prompt_tokens), str(usage.completion_tokens), str(usage.total_tokens)],
        ["**Cost**", f"${cost.prompt}", f"${cost.completion}", f"${cost.total}"],
    ]
    widths = [max(len(heads[i]) + 2, *(len(row[i]) for row in rows)) for i in range(len(heads))]
    lines = [_row(heads, widths), "|" + "|".join(f":{'-' * width}:" for width in widths) + "|"]
    return "\n".join([*lines, *(_row(row, widths) for row in rows)])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _subject(edition: Edition) -> str:
    if not edition.papers:
        return f"arXiv {edition.date}: nothing for you"
    count = len(edition.papers)
    return f"arXiv {edition.date}: {count} paper{'s' if count > 1 else ''} for you"


def _authors(item: Scored | Paper) -> str:
    """The authors, shortened after six; followed ones are kept."""
    paper, followed = (item.paper, item.followed) if isinstance(item, Scored) else (item, ())
    names = paper.shown.authors
    if len(names) <= AUTHORS_SHOWN:
        return ", ".join(names)
    kept = [*names[:AUTHORS_SHOWN], *(name for name in followed if name not in names[:AUTHORS_SHOWN])]
    return f"{', '.join(kept)} and {len(names) - len(kept)} more"


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        autoescape=autoescape,  # noqa: S701 - plain text and Markdown are no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "authors": _authors,
        "abs_url": lambda paper: f"{ABSTRACT_PAGE}{paper.id}",
        "pdf_url": lambda paper: f"{PDF_PAGE}{paper.id}",
    }
    return environment


def _read(name: str, home: Path | None) -> str:
    return find(f"templates/{name}", home).read_text(encoding="utf-8")
