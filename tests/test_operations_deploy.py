"""What lies in deploy/ fits the program: its commands exist, its files parse, systemd finds nothing to say of the units."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML

from newsletter import app
from newsletter.cli.commands import command_line
from newsletter.settings import load

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])


def options(command: str) -> set[str]:
    """The options of a command of ours."""
    group = typer.main.get_command(command_line())
    found = group.commands[command]  # type: ignore[attr-defined]
    return {option for parameter in found.params for option in parameter.opts}


@pytest.mark.parametrize("unit", [unit for unit in UNITS if "alert" not in unit.name and unit.suffix == ".service"])
def test_units_call_commands_that_exist(unit: Path) -> None:
    (line,) = re.findall(
        r"^ExecStart=/opt/newsletter/bin/newsletter (.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE
    )
    command, *rest = line.split()
    assert {word for word in rest if word.startswith("--")} <= options(command)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if "alert" not in unit.name and unit.suffix == ".service"])
def test_units_are_hardened_and_a_failure_is_told(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "UMask=0077",
                 "OnFailure=newsletter-alert@%n.service"):  # fmt: skip
        assert f"\n{line}\n" in text, line


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_finds_nothing_to_say(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/newsletter/bin/newsletter", "/bin/true")
        name = unit.name.replace("@.", "@x.")
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    for unit in UNITS:
        name = unit.name.replace("@.", "@x.")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)],
            capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), unit.name


@pytest.mark.skipif(not shutil.which("caddy"), reason="needs Caddy")
def test_caddy_can_read_its_file() -> None:
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not (shutil.which("nginx") and shutil.which("openssl")), reason="needs nginx and openssl")
def test_nginx_can_read_its_file(tmp_path: Path) -> None:
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=digest.example.org"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"/etc/letsencrypt/live/[^/]+/(\w+\.pem)", rf"{tmp_path}/\1", text)
    whole = tmp_path / "nginx.conf"
    places = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )  # not those of the package, which another user may not use
    whole.write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{places}{text}\n}}\n", encoding="utf-8"
    )
    done = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-c", str(whole)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_image_has_no_root_and_two_commands() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    command, *rest = re.findall(r'"([^"]+)"', re.findall(r"^CMD (.*)$", text, re.MULTILINE)[-1])
    assert {word for word in rest if word.startswith("--")} <= options(command)
    assert options("serve")


def test_compose_and_the_workflow_are_yaml_that_says_what_it_should() -> None:
    yaml = YAML(typ="safe")
    service = yaml.load(DEPLOY / "compose.yaml")["services"]["newsletter"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    jobs = yaml.load(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    assert jobs["publish"]["needs"] == "build"
    assert "id-token" not in jobs["build"]["permissions"], "only what publishes may sign"


def test_the_settings_in_the_docs_are_settings(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "newsletter.toml"
    file.write_text(shown, encoding="utf-8")
    settings = load({}, file, app.sections())
    assert settings.mail.operator_address == "ada@example.org"


def test_the_schedule_may_write_where_the_docs_put_home_and_backups() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    (backups,) = re.findall(r'^to = "(.+?)"', text, re.MULTILINE)
    unit = (DEPLOY / "newsletter-schedule.service").read_text(encoding="utf-8")
    (home,) = re.findall(r"NEWSLETTER_HOME=(\S+)", unit)
    (writable,) = re.findall(r"^ReadWritePaths=(.*)$", unit, re.MULTILINE)
    assert {home, backups} <= {path.removeprefix("-") for path in writable.split()}
