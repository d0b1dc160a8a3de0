"""The import rule and one vendor, one door: read from the code, so that nobody has to remember them."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "newsletter"

# From the bottom up, a rank a line: a module may import from its own package and from every rank below. From the
# fourth rank on, packages of one rank do not import each other: they meet in the nouns and in the store.
RANKS = [
    {"errors", "files", "money", "threads", "log", "links", "validation", "models"},
    {"settings", "text", "cluster"},
    {"topics"},
    {"store", "rendering"},
    {"sources", "subscribers", "scoring", "delivery"},
    {"editions"},
    {"pipeline"},
    {"app"},
    {"operations"},
    {"web"},
    {"cli"},
]
STRANGERS_FROM = 3  # the index of the rank from which on neighbours are strangers
# The only places that may import a vendor's package.
DOORS = {
    "arxiv": "sources/arxiv/api.py",
    "requests": "sources/arxiv",
    "lxml": "sources/arxiv",
    "sqlite_utils": "store",
    "sqlite3": "store",
    "openai": "scoring/model/client.py",
    "httpx2": "scoring/model/client.py",
    "genai_prices": "scoring/model/prices.py",
    "rapidfuzz": "scoring/model/answers.py",
    "mjml": "rendering/templates.py",
    "premailer": "rendering/templates.py",
    "sendgrid": "delivery/backends/sendgrid/client.py",
    "python_http_client": "delivery/backends/sendgrid/client.py",
    "smtplib": "delivery/backends/smtp/client.py",
    "dkim": "delivery/backends/smtp/client.py",
    "dns": "delivery/dns.py",
    "starlette": "web",
    "uvicorn": "web/server.py",
    "distributed": "cluster.py",
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


def rank(name: str) -> int:
    return next(number for number, names in enumerate(RANKS) if name in names)


def breaches_of_the_import_rule(package: Path) -> list[str]:
    rooms = set().union(*RANKS)
    breaches = []
    for file in sorted(package.rglob("*.py")):
        own = file.relative_to(package).parts[0].removesuffix(".py")
        if own.startswith("__"):
            continue
        for module in sorted(imports(file)):
            other = room(module)
            if other not in rooms or other == own or rank(other) < rank(own):
                continue
            if rank(other) > rank(own):
                breaches.append(f"{file.relative_to(package)} imports {module}, which lies above it")
            elif rank(own) >= STRANGERS_FROM:
                breaches.append(f"{file.relative_to(package)} imports {module}, a stranger of its own rank")
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


def test_every_module_has_a_rank() -> None:
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    unknown = {name for name in rooms if not name.startswith("__")} - set().union(*RANKS) - {"demo", "locale"}
    assert not unknown, "say in RANKS where these belong"


def test_imports_only_go_down() -> None:
    assert breaches_of_the_import_rule(PACKAGE) == []


def test_each_vendor_has_one_door() -> None:
    assert breaches_of_the_doors(PACKAGE) == []


def test_each_package_says_what_it_answers() -> None:
    silent = [
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("__init__.py")
        if file.parent != PACKAGE and not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not silent, "say in two sentences what the package answers and what never goes in"


@pytest.mark.parametrize(
    ("file", "line", "breach"),
    [
        (
            "models/papers.py",
            "from newsletter.store import Store",
            "models/papers.py imports newsletter.store, which lies above it",
        ),
        (
            "editions/selection.py",
            "from newsletter.pipeline import run",
            "editions/selection.py imports newsletter.pipeline, which lies above it",
        ),
        (
            "scoring/similarity.py",
            "from newsletter.delivery.dispatch import dispatch",
            "scoring/similarity.py imports newsletter.delivery.dispatch, a stranger of its own rank",
        ),
        (
            "editions/selection.py",
            "def f():\n    import openai",
            "editions/selection.py imports openai, whose door is scoring/model/client.py",
        ),
        ("web/u.py", "from newsletter.cli import main", "web/u.py imports newsletter.cli, which lies above it"),
        (
            "store/sends.py",
            "from newsletter.rendering.digest import digest",
            "store/sends.py imports newsletter.rendering.digest, a stranger of its own rank",
        ),
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


def test_the_picture_in_the_docs_names_the_packages_as_they_rank() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| packages | answer |")[2].partition("\n\n")[0].strip().splitlines()[1:]
    named = [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table]
    assert named == RANKS
