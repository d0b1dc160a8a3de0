"""The import rule and one vendor, one door: read from the code, so that nobody has to remember them."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "newsletter"

# From the bottom up: a module may import from its own layer's file and from every layer below.
LAYERS = [
    {"models", "errors", "settings", "categories", "files", "lanes", "resources", "words", "validation"},
    {"topics", "front_matter", "cost", "tex", "edition_file", "theme"},
    {"store", "llm", "budget", "links"},
    {
        "sources",
        "roster",
        "due",
        "candidates",
        "local",
        "score",
        "ask",
        "plan",
        "blocks",
        "prompt",
        "reply",
        "learn",
        "pick",
        "render",
        "message",
        "digest",
        "size",
        "feed",
        "deliver",
        "bounces",
        "breakers",
        "dispatch",
        "epoch",
    },
    {"pipeline", "intake", "web"},
    {"cli"},
]
# The only places that may import a vendor's package.
DOORS = {
    "arxiv": "sources/arxiv/api.py",
    "requests": "sources/arxiv",
    "lxml": "sources/arxiv",
    "sqlite_utils": "store",
    "sqlite3": "store",
    "openai": "llm.py",
    "httpx2": "llm.py",
    "genai_prices": "cost.py",
    "rapidfuzz": "reply.py",
    "mjml": "render.py",
    "premailer": "render.py",
    "sendgrid": "deliver/sendgrid.py",
    "python_http_client": "deliver/sendgrid.py",
    "smtplib": "deliver/smtp.py",
    "dkim": "deliver/smtp.py",
    "starlette": "web",
    "uvicorn": "cli/serve.py",
    "typer": "cli",
    "rich": "cli",
}


def imports(file: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, by its full name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def room(module: str) -> str | None:
    """The top-level room of one of our modules: newsletter.store.sends is in store."""
    parts = module.split(".")
    return parts[1] if parts[0] == "newsletter" and len(parts) > 1 else None


def layer(name: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if name in names)


def breaches_of_the_import_rule(package: Path) -> list[str]:
    rooms = set().union(*LAYERS)
    breaches = []
    for file in sorted(package.rglob("*.py")):
        own = file.relative_to(package).parts[0].removesuffix(".py")
        if own.startswith("__"):
            continue
        for module in imports(file):
            other = room(module)
            if other in rooms and other != own and layer(other) > layer(own):
                breaches.append(f"{file.relative_to(package)} imports {module}, which lies above it")
    return breaches


def breaches_of_the_doors(package: Path) -> list[str]:
    breaches = []
    for file in sorted(package.rglob("*.py")):
        place = file.relative_to(package).as_posix()
        for module in imports(file):
            door = DOORS.get(module.split(".")[0])
            if door and not (place == door or place.startswith(f"{door}/")):
                breaches.append(f"{place} imports {module}, whose door is {door}")
    return breaches


def test_every_module_has_a_layer() -> None:
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    unknown = {name for name in rooms if not name.startswith("__")} - set().union(*LAYERS) - {"demo", "locale"}
    assert not unknown, "say in LAYERS where these belong"


def test_imports_only_go_down() -> None:
    assert breaches_of_the_import_rule(PACKAGE) == []


def test_each_vendor_has_one_door() -> None:
    assert breaches_of_the_doors(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "line", "breach"),
    [
        ("models.py", "from newsletter.store import Store", "models.py imports newsletter.store, which lies above it"),
        ("pick.py", "def f():\n    import openai", "pick.py imports openai, whose door is llm.py"),
        ("web/u.py", "from newsletter.cli import main", "web/u.py imports newsletter.cli, which lies above it"),
        (
            "pipeline.py",
            "from sqlite_utils.db import Table",
            "pipeline.py imports sqlite_utils.db, whose door is store",
        ),
    ],
)
def test_a_breach_is_found(tmp_path: Path, file: str, line: str, breach: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(line, encoding="utf-8")
    assert breach in [*breaches_of_the_import_rule(tmp_path), *breaches_of_the_doors(tmp_path)]
