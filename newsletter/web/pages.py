"""Decides how a page looks: Jinja templates of the operator's home, else of the package, always escaped."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from newsletter.files import find
from newsletter.rendering.templates import Templates, page_of
from newsletter.web.spoken import spoken

SHORT = frozenset(
    f"{name}.html"
    for name in (
        "asked",
        "back",
        "confirmed",
        "door_asked",
        "erased",
        "fault",
        "feedback",
        "fresh",
        "unknown",
        "unsubscribe",
        "unsubscribed",
    )
)  # pages of a few lines, which stand lower


class Pages:
    """The page templates, in the operator's theme."""

    def __init__(self, templates: Templates, home: Path | None) -> None:
        def read(name: str) -> str:
            return find(f"templates/pages/{name}", home).read_text(encoding="utf-8")

        self._script = read("own.js")
        self._environment = Environment(
            autoescape=True,
            undefined=StrictUndefined,
            loader=FunctionLoader(read),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["abs_url"] = lambda paper: page_of(paper, "abs", templates.origins)
        self._environment.globals |= {
            "name": templates.theme.name,
            "colour": templates.theme.colours,
            "operator": templates.operator,
            "postal_address": templates.postal_address,
        }

    def unknown(self, request: Request) -> HTMLResponse:
        """The one answer to every link that opens nothing, whatever the reason."""
        return self.show("unknown.html", request, status=404)

    def show(
        self,
        template: str,
        request: Request,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> HTMLResponse:
        """The page of a template, in the language of who asks."""
        words = spoken(request)
        said = {"say": words.say, "count": words.count, "lang": words.language, "short": template in SHORT}
        page = self._environment.get_template(template).render(said | context)
        return HTMLResponse(
            page, status, {"Content-Language": words.language, "Vary": "Accept-Language"} | dict(headers or {})
        )

    def script(self) -> Response:
        """The few lines of JavaScript that the forms use; nothing needs them."""
        return Response(self._script, media_type="text/javascript; charset=utf-8")
