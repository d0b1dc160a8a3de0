"""Decides how an edition looks: HTML, plain text and Markdown of one edition.

The MJML frame is compiled and its CSS inlined once per template; the placeholders survive both, and Jinja2 with
autoescape fills the result per edition. So text from arXiv, a model or a subscriber never meets an XML parser.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined, Template, TemplateError

from newsletter.errors import InputError
from newsletter.files import find
from newsletter.models.editions import Attachment, Edition, Email, Links
from newsletter.models.papers import Origin, Paper
from newsletter.models.scores import Reason
from newsletter.rendering.digest import Digest, digest
from newsletter.rendering.frame import Sender
from newsletter.rendering.language import Words, words
from newsletter.rendering.shorten import balanced, fitted
from newsletter.rendering.theme import Theme
from newsletter.settings import Mail

COLUMNS = 72
_PARAGRAPH = "p { display: block; margin: 13px 0; }"  # mrml's own; inlined, it would stand in every paragraph
_STYLE = re.compile(r'(?<= style=")[^"]*')


@dataclass(frozen=True, slots=True)
class Templates:
    """The compiled templates with the operator's theme; made once, used for every edition."""

    html: Template
    lean: Template  # the same, its styles in the head only
    text: Template
    markdown: Template
    notice_html: Template
    notice_text: Template
    origins: Mapping[str, Origin]
    theme: Theme = field(default_factory=Theme)
    operator: str = ""
    postal_address: str = ""

    @property
    def mailer(self) -> str:
        """The newsletter's name."""
        return self.theme.name


def load_templates(
    home: Path | None, origins: Mapping[str, Origin], theme: Theme | None = None, mail: Mail | None = None
) -> Templates:
    """Reads and compiles the templates of the home, else those of the package; `origins` have the papers' pages.

    Raises InputError that names a template which is no valid MJML or Jinja2.
    """
    theme, plain = theme or Theme(), _environment(origins, autoescape=False)
    html = _environment(origins, autoescape=True)
    return Templates(
        html=_compiled("digest.mjml", home, lambda source: html.from_string(compile_mjml(source, theme))),
        lean=_compiled("digest.mjml", home, lambda source: html.from_string(_as_html(source, theme))),
        text=_compiled("digest.txt", home, plain.from_string),
        markdown=_compiled("digest.md", home, plain.from_string),
        notice_html=_compiled("notice.mjml", home, lambda source: html.from_string(compile_mjml(source, theme))),
        notice_text=_compiled("notice.txt", home, plain.from_string),
        origins=origins,
        theme=theme,
        operator=mail.operator if mail else "",
        postal_address=mail.postal_address if mail else "",
    )


def compile_mjml(source: str, theme: Theme) -> str:
    """MJML as HTML with its CSS inlined, Jinja placeholders untouched. Reads no file and no network.

    The theme's colours are filled here; `{{name}}` is filled per edition.
    """
    from premailer import Premailer  # noqa: PLC0415 - as mjml below

    inliner = Premailer(
        _as_html(source, theme),
        allow_network=False,
        disable_validation=True,
        keep_style_tags=True,
        strip_important=False,
        cssutils_logging_level=logging.CRITICAL,
    )
    return _STYLE.sub(_tight, str(inliner.transform()))


def _as_html(source: str, theme: Theme) -> str:
    """MJML as HTML, its CSS in the head."""
    # Here, because only compiling needs it and it takes a third of every command's start.
    from mjml import mjml2html  # noqa: PLC0415

    html = str(mjml2html(themed(source, theme), fonts={}))
    return html.replace("<!doctype html>", "<!DOCTYPE html>", 1).replace(_PARAGRAPH, "", 1)


def themed(source: str, theme: Theme) -> str:
    """A template with the theme's colours in the places `[[name]]`."""
    for name, colour in theme.colours.items():
        source = source.replace(f"[[{name}]]", colour)
    return source


def _tight(style: re.Match[str]) -> str:
    """A style attribute without the spaces that it does not need: it stands there once for every paper."""
    return re.sub(r"(?<=[;,:])\s+", "", style[0])


def render(edition: Edition, links: Links, templates: Templates) -> Email:
    """The email of an edition, its HTML within the size that mailboxes show whole."""
    spoken = words(edition.language)
    told = _told(edition, links, templates, spoken)
    context = _context(links, templates, spoken)
    html = fitted(
        told,
        lambda shown: templates.html.render(context, told=shown),
        lambda shown: templates.lean.render(context, told=shown),
    )
    to_each = 4 if links.feedback else 1
    return Email(
        subject=told.subject,
        html=html,
        text=templates.text.render(context, told=balanced(told, html, to_each)),
        preheader=told.notices[0].text if told.notices else told.status,
        attachment=_attachment(edition, templates),
    )


def _attachment(edition: Edition, templates: Templates) -> Attachment | None:
    """The Markdown page for whoever wants it; an edition without papers has none."""
    if edition.attach == "none" or not edition.papers:
        return None
    return Attachment(f"papers-{edition.date}.md", markdown(edition, templates))


def web_copy(edition: Edition, links: Links, templates: Templates) -> str:
    """The edition as a web page: everything of every paper, whatever its size, and nothing of the topics file.

    Topics, followed authors and the comments, which speak of both, stay in the reader's own mail.
    """
    public = replace(
        edition,
        papers=tuple(
            replace(item, score=replace(item.score, topic="", comment=""), followed=(), reason=_public(item.reason))
            for item in edition.papers
        ),
        near_misses=(),
        exploration=None,
        liked=(),
        topics=(),
        prompt="",
        length="page",
    )
    spoken = words(edition.language)
    context = _context(links, templates, spoken)
    return templates.html.render(context, told=_told(public, links, templates, spoken))


def _public(reason: Reason | None) -> Reason | None:
    """Of a reason only the strength: the rest speaks of the topics."""
    return Reason(strength=reason.strength) if reason and reason.strength else None


def markdown(edition: Edition, templates: Templates) -> str:
    """The edition as a Markdown page, with the raw text of its papers."""
    return templates.markdown.render(edition=edition, table=_token_table(edition))


def _told(edition: Edition, links: Links, templates: Templates, spoken: Words) -> Digest:
    theme = templates.theme
    sender = Sender(theme.name, templates.operator, templates.postal_address, theme.footer)
    return digest(edition, links, spoken, sender)


def _context(links: Links, templates: Templates, spoken: Words) -> dict[str, object]:
    return {
        "links": links,
        "theme": templates.theme,
        "say": spoken.say,
        "mailer": templates.mailer,
        "count": spoken.count,
        "lang": spoken.language,
    }


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


def _environment(origins: Mapping[str, Origin], *, autoescape: bool) -> Environment:
    environment = Environment(
        autoescape=autoescape,  # noqa: S701 - plain text and Markdown are no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

    @lru_cache(maxsize=8192)  # a day's papers are the same for all readers
    def url(paper: Paper, kind: str) -> str:
        return page_of(paper, kind, origins)

    environment.filters |= {
        "abs_url": lambda paper: url(paper, "abs"),
        "pdf_url": lambda paper: url(paper, "pdf"),
        "html_url": lambda paper: url(paper, "html"),
        "bibtex_url": lambda paper: url(paper, "bibtex"),
        "quoted": _quoted,
        "wrap": _wrapped,
    }
    return environment


def page_of(paper: Paper, kind: str, origins: Mapping[str, Origin]) -> str:
    """The URL of a paper's page of some kind at its source; empty where the source has none."""
    pages = origins[paper.source].pages if paper.source in origins else {}
    return pages[kind].replace("{id}", _quoted(paper.id)) if kind in pages else ""


@lru_cache(maxsize=8192)
def _quoted(text: str) -> str:
    return quote(text, errors="replace")


@lru_cache(maxsize=8192)  # a day's abstracts are the same for all subscribers
def _wrapped(text: str, indent: int = 0, hang: int = 0) -> str:
    """The text in lines of at most 72 columns, all but the first further in by `hang`; long addresses stay whole."""
    lines, line, inner = [], " " * indent, " " * (indent + hang)
    room = line  # what a line starts with before its first word
    for word in text.split(" "):  # twenty times as fast as textwrap
        if line != room and len(line) + len(word) >= COLUMNS:
            lines.append(line)
            line = room = inner
        line += word if line == room else f" {word}"
    return "\n".join([*lines, line])


def _compiled(name: str, home: Path | None, compile_source: Callable[[str], Template]) -> Template:
    path = find(f"templates/{name}", home)
    try:
        return compile_source(path.read_text(encoding="utf-8"))
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise InputError(f"{path}:{f'{line}:' if line else ''} {error}; correct it, or delete it for ours") from error
    except ValueError as error:  # mrml's parser, and text that is not UTF-8
        raise InputError(f"{path}: is not valid MJML: {error}; correct it, or delete it for ours") from error
