"""The model server of the shared folder, started on a free port of the loopback and stopped again."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LISTING_DAY = "2025-10-01"


def shared_folder() -> Path:
    """NEWSLETTER_SHARED, or ../shared beside the checkout; leaves with a sentence where there is none."""
    folder = Path(os.environ.get("NEWSLETTER_SHARED") or Path(__file__).parent.parent.parent / "shared")
    if not (folder / "lab/model_server.py").is_file():
        print(f"skipped: {folder} has no lab/model_server.py; set NEWSLETTER_SHARED")
        sys.exit(0)
    return folder


class Lab:
    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, str(folder / "lab/model_server.py"), "--port", "0", "--eval", str(folder / "eval")]
        self._process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def reset(self) -> None:
        self._post("/meter/reset", {})

    def meter(self) -> dict[str, int]:
        """Calls and tokens of all models since the last reset."""
        with urllib.request.urlopen(self._root + "/meter") as answer:
            models = json.load(answer)["models"].values()
        return {key: sum(model[key] for model in models) for key in next(iter(models), {})}

    def ask(self, model: str, text: str, schema: dict[str, Any] | None) -> dict[str, Any]:
        """One bare call without caching and without thought."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "reasoning_effort": "none",
            "prompt_cache_options": {"mode": "explicit"},
        }
        if schema:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        return self._post("/v1/chat/completions", body)

    @property
    def _root(self) -> str:
        return self.url.removesuffix("/v1")

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self._root + path, json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return dict(json.load(answer))
