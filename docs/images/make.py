"""Makes readme.png from the demo: a topics file on the left, its mail on a phone on the right. Needs chromium.

usage: python docs/images/make.py
"""

import html
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1240, 900
PAGE = """<!DOCTYPE html><meta charset="utf-8"><style>
body {{ margin: 0; background: #eceff3; font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; display: flex; gap: 44px;
        padding: 36px 44px; box-sizing: border-box; width: {width}px; height: {height}px; }}
section {{ display: flex; flex-direction: column; }}
h2 {{ font-size: 15px; font-weight: 600; color: #475063; margin: 0 0 12px; }}
pre {{ background: #fff; border-radius: 10px; box-shadow: 0 2px 10px #0002; padding: 22px 24px; margin: 0; width: 640px;
       font: 13.5px/1.62 "DejaVu Sans Mono", monospace; white-space: pre-wrap; color: #1c2230; box-sizing: border-box; }}
pre b {{ color: #a3201d; font-weight: 600; }}
p {{ color: #475063; width: 640px; margin: 20px 0 0; }}
.phone {{ width: 402px; height: 790px; border: 13px solid #14171d; border-radius: 46px; overflow: hidden; background: #fff;
          box-shadow: 0 10px 30px #0004; box-sizing: border-box; }}
iframe {{ width: 470px; height: 957px; border: 0; transform: scale(.8); transform-origin: 0 0; }}
</style>
<section><h2>subscribers/ada.md: what you want to read about, in your own words</h2><pre>{topics}</pre>
<p>{below}</p></section>
<section><h2>What you get at 07:30</h2><div class="phone"><iframe src="{mail}" scrolling="no"></iframe></div></section>
"""


def shown(file: str) -> str:
    """The topics file without its comments, the keys that say nothing, and its keywords."""
    body = file.partition("**Keywords:**")[0].strip()
    lines = (line.split("   #")[0] for line in body.split("\n") if not line.startswith("# "))
    return "\n".join(line for line in lines if not line.startswith(("authors: []", "keywords: {include: []")))


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "demo"
        subprocess.run([sys.executable, "-m", "newsletter", "demo", "--into", str(home)], check=True)
        (mail,) = (home / "var" / "outbox").rglob("ada.html")
        topics = html.escape(shown((home / "subscribers" / "ada.md").read_text(encoding="utf-8")))
        for word in ("Relevant:", "Irrelevant:"):
            topics = topics.replace(f"- {word}", f"- <b>{word}</b>")
        below = (
            "Comments and scores come from the model of your choice, its tokens and their cost are accounted for to the "
            "reader; without a key papers are ranked by similarity. (Invented papers, recorded answers: <code>make demo</code>.)"
        )
        page = Path(folder) / "page.html"
        page.write_text(
            PAGE.format(width=WIDTH, height=HEIGHT, topics=topics, below=below, mail=mail.as_uri()), encoding="utf-8"
        )
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += ["--allow-file-access-from-files", f"--window-size={WIDTH},{HEIGHT}"]
        subprocess.run(
            [*command, f"--screenshot={HERE / 'readme.png'}", page.as_uri()], check=True, capture_output=True
        )


if __name__ == "__main__":
    main()
