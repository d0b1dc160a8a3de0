"""Makes demo.svg: `make demo` in a terminal as it ran, then one of its mails on a phone. Needs chromium.

usage: python docs/images/recording.py

Lines appear when they were printed, pauses are cut to 0.8 s; the whole takes LENGTH seconds and begins again.
"""

import base64
import contextlib
import html
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
COLUMNS, ROWS, LENGTH = 120, 28, 14.0
CHARACTER, LINE, TOP, LEFT = 8.43, 20, 58, 22  # pixels; of a monospaced font of 14
WIDTH, HEIGHT = round(2 * LEFT + COLUMNS * CHARACTER), TOP + ROWS * LINE + 12
PHONE, GLASS = (WIDTH - 330, 34), (290, HEIGHT - 90)  # where it lies; the size of its screen
MAIL_AT, SCROLL_AT, READ_AT = 6.5, 8.5, 12.5  # seconds: it slides in, is scrolled, has been read
MAIL_WIDTH, MAIL_HEIGHT = 400, 1500
COMMAND, PAUSE = "make demo", 0.8
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
STYLE = """
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d6dbe5; white-space: pre; }
.prompt { fill: #7fd18c; } .faint { fill: #8b94a7; }
"""


def recorded(home: Path) -> list[tuple[float, str]]:
    """Each line that `make demo` prints on a terminal, with the second after its start; without colours."""
    ours, its = pty.openpty()
    environ = {**os.environ, "COLUMNS": str(COLUMNS), "NO_COLOR": "1", "TERM": "xterm"}
    command = [sys.executable, "-m", "newsletter", "demo", "--into", "newsletter-demo"]
    started, lines = time.monotonic(), list[tuple[float, str]]()
    with subprocess.Popen(command, cwd=home, env=environ, stdout=its, stderr=subprocess.DEVNULL) as process:
        os.close(its)
        with os.fdopen(ours, encoding="utf-8", newline="") as terminal, contextlib.suppress(OSError):  # its end is EIO
            for line in terminal:
                plain = ESCAPE.sub("", line).rstrip().replace(str(home), "~")
                lines.append((time.monotonic() - started, plain))
    if process.returncode:
        sys.exit("the demo failed")
    return lines


def paced(lines: Sequence[tuple[float, str]], start: float) -> Iterator[tuple[float, str]]:
    """The same from a second on, with the pauses cut, and a little time between lines that came at once."""
    now, before = start, 0.0
    for at, line in lines:
        now, before = now + min(max(at - before, 0.07), PAUSE), at
        yield now, line


def appearing(name: str, at: float) -> str:
    """The rule of what is there from a second on."""
    share = 100 * at / LENGTH
    return (
        f"@keyframes {name} {{ 0%, {share:.2f}% {{ opacity: 0 }} {share + 0.01:.2f}%, 100% {{ opacity: 1 }} }}\n"
        f".{name} {{ animation: {name} {LENGTH}s linear infinite }}\n"
    )


def picture(lines: Sequence[tuple[float, str]], mail: bytes) -> str:
    """The SVG."""
    rules, texts = [STYLE], []
    for number, letter in enumerate(COMMAND):
        rules.append(appearing(f"c{number}", 0.5 + 0.09 * number))
        x = LEFT + (number + 2) * CHARACTER
        texts.append(f'<text class="c{number}" x="{x:.1f}" y="{TOP}">{letter}</text>')
    for number, (at, line) in enumerate(lines, 1):
        rules.append(appearing(f"l{number}", at))
        faint = " faint" if set(line.strip()) <= set("─━┏┓┗┛┡┩│┃┼├┤└┘┬┴ ") else ""
        texts.append(
            f'<text class="l{number}{faint}" x="{LEFT}" y="{TOP + number * LINE}" xml:space="preserve">'
            f"{html.escape(line)}</text>"
        )
    shown, scrolled, read = (100 * at / LENGTH for at in (MAIL_AT, SCROLL_AT, READ_AT))
    scale = GLASS[0] / MAIL_WIDTH
    way = MAIL_HEIGHT * scale - GLASS[1]
    rules.append(
        f"@keyframes phone {{ 0%, {shown:.1f}% {{ transform: translateY({HEIGHT}px) }} "
        f"{shown + 5:.1f}%, 100% {{ transform: none }} }}\n"
        f".phone {{ animation: phone {LENGTH}s ease-out infinite }}\n"
        f"@keyframes scroll {{ 0%, {scrolled:.1f}% {{ transform: none }} "
        f"{read:.1f}%, 100% {{ transform: translateY(-{way:.0f}px) }} }}\n"
        f".mail {{ animation: scroll {LENGTH}s ease-in-out infinite }}\n"
        "@media (prefers-reduced-motion: reduce) { * { animation: none !important } }\n"
    )
    (x, y), (width, height) = PHONE, GLASS
    image = base64.b64encode(mail).decode()
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">
<title>make demo in a terminal, then the mail that it made on a phone</title>
<style>{"".join(rules)}</style>
<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#171b24" stroke="#3a4254"/>
<circle cx="24" cy="20" r="6" fill="#e0645c"/><circle cx="44" cy="20" r="6" fill="#e3b341"/>
<circle cx="64" cy="20" r="6" fill="#5fb36b"/>
<text class="prompt" x="{LEFT}" y="{TOP}">$</text>
{chr(10).join(texts)}
<g class="phone"><rect x="{x - 11}" y="{y - 11}" width="{width + 22}" height="{height + 44}" rx="34" fill="#05070a" stroke="#4b5468"/>
<clipPath id="glass"><rect x="{x}" y="{y + 10}" width="{width}" height="{height}" rx="8"/></clipPath>
<rect x="{x}" y="{y + 10}" width="{width}" height="{height}" rx="8" fill="#fff"/>
<g clip-path="url(#glass)"><image class="mail" x="{x}" y="{y + 10}" width="{width}" height="{MAIL_HEIGHT * scale:.0f}"
 href="data:image/png;base64,{image}"/></g></g>
</svg>
"""


def photographed(chromium: str, page: Path, to: Path) -> bytes:
    """The upper part of a mail as a phone shows it."""
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    size = f"--window-size={MAIL_WIDTH},{MAIL_HEIGHT}"
    subprocess.run([*command, size, f"--screenshot={to}", page.as_uri()], check=True, capture_output=True)
    return to.read_bytes()


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        lines = list(paced(recorded(home), 1.6))[:ROWS]
        (page,) = (home / "newsletter-demo" / "var" / "outbox").rglob("ada.html")
        mail = photographed(chromium, page, home / "mail.png")
    (HERE / "demo.svg").write_text(picture(lines, mail), encoding="utf-8")


if __name__ == "__main__":
    main()
