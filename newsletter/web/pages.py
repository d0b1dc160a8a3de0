"""Decides how a page looks: Jinja templates of the operator's home, else of the package, always escaped."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.responses import HTMLResponse

from newsletter.files import find
from newsletter.rendering.templates import Templates


class Pages:
    """The page templates, in the operator's theme."""

    def __init__(self, templates: Templates, home: Path | None) -> None:
        def read(name: str) -> str:
            return find(f"templates/pages/{name}", home).read_text(encoding="utf-8")

        self._environment = Environment(
            autoescape=True,
            undefined=StrictUndefined,
            loader=FunctionLoader(read),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "name": templates.theme.name,
            "colour": templates.theme.colours,
            "operator": templates.operator,
            "postal_address": templates.postal_address,
        }

    def show(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: object
    ) -> HTMLResponse:
        """The page of a template."""
        return HTMLResponse(self._environment.get_template(template).render(context), status, headers)
