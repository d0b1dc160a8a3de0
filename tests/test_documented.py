"""Nothing is undocumented: every setting stands in templates/newsletter.toml, every command in docs/commands.md."""

import json
import re
import tomllib
from pathlib import Path

from newsletter import app
from newsletter.cli import HELP
from newsletter.files import find
from newsletter.settings import CORE, load
from tests.reference import PAGE, commands, helps


def documented() -> dict[str, dict[str, str]]:
    """The keys of templates/newsletter.toml, with the value that stands behind each as a comment."""
    found: dict[str, dict[str, str]] = {}
    keys: dict[str, str] = {}
    for line in find("templates/newsletter.toml", None).read_text(encoding="utf-8").splitlines():
        if section := re.match(r"(?:# )?\[(\w+)([^]]*)\]", line):
            keys = {} if section[2] else found.setdefault(section[1], {})
        elif key := re.match(r"# (\w+) = (.+?)(?:\s+#.*)?$", line):
            keys[key[1]] = key[2]
    return found


def test_every_setting_is_documented_with_its_default() -> None:
    shown = documented()
    for model in (*CORE, *app.sections()):
        for name, field in model.model_fields.items():
            if isinstance(field.default, (str, int, float)):
                key = field.alias or name
                value = shown.get(model.section, {}).get(key)
                assert value is not None, f"[{model.section}] {key} does not stand in templates/newsletter.toml"
                assert tomllib.loads(f"value = {value}")["value"] == field.default, key


def test_every_documented_setting_exists(tmp_path: Path) -> None:
    file = tmp_path / "newsletter.toml"
    for section, keys in documented().items():
        for key, value in keys.items():
            file.write_text(f"[{section}]\n{key} = {value}\n", encoding="utf-8")
            load({}, file, app.sections())


def test_every_command_and_option_is_documented() -> None:
    sections = dict(re.findall(r"^## `(.+)`\n((?:(?!## ).*\n)*)", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    existing = dict(commands())
    assert set(sections) == set(existing), "run `make docs`"
    for name, command in existing.items():
        for parameter in command.params:
            for option in (o for o in parameter.opts if o.startswith("--")):
                assert f"{option}`" in sections[name] or f"{option}," in sections[name], (
                    f"{name} {option}: run `make docs`"
                )


def test_every_link_between_pages_leads_somewhere() -> None:
    root = PAGE.parent.parent
    for page in [root / "README.md", *root.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|src=\"([^\":]+)\"", page.read_text(encoding="utf-8")):
            assert (page.parent / (target[0] or target[1])).exists(), f"{page.name} links {target}"


def test_the_help_is_that_of_the_commands() -> None:
    assert json.loads(HELP.read_text(encoding="utf-8")) == helps(), "run `make docs`"
