"""A model of recorded answers on this machine: what the demo calls, by the very path that calls a model.

It speaks as much of the chat completions API as our calls need, meters tokens as an endpoint with a prompt cache does
(four characters a token, a prefix counts as cached from its second use on), and answers from a file. A paper that it
does not know gets a low score. It listens on 127.0.0.1 only.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODEL = "recorded-answers"
LABEL = "recorded answers, no model was called"
_CHARACTERS_A_TOKEN = 4
_LEAST_CACHED = 1024  # tokens
_PAPER = re.compile(r"^\[(?P<label>p\d+)\] (?P<title>.*)$", re.MULTILINE)
_UNKNOWN = {"relevance": 1, "topic": 0, "comment": ""}


@dataclass
class Recorded:
    """Answers by the title of a paper; `readers` tells by a line of their topics who asks."""

    answers: Mapping[str, Mapping[str, Any]]
    readers: Mapping[str, str]
    _seen: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The response to a chat completions request."""
        shared, text = prompt_of(body)
        schema = body["response_format"]["json_schema"]["schema"]
        (name, listed), *_ = schema["properties"].items()
        fields = list(listed["items"]["properties"])
        reader = next((slug for slug, line in self.readers.items() if line in text), "")
        entries = [self._entry(match["label"], match["title"], reader, fields) for match in _PAPER.finditer(text)]
        content = json.dumps({name: entries}, ensure_ascii=False)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        usage = self._usage(shared, text, content)
        return {"object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage}

    def _entry(self, label: str, title: str, reader: str, fields: list[str]) -> dict[str, Any]:
        known = self.answers.get(title, {})
        said = known.get("readers", {}).get(reader, _UNKNOWN)
        novelty = known.get("novelty", 3)
        values = {
            "i": label,
            "s": said["relevance"] if reader else novelty,
            "rel": said["relevance"],
            "nov": novelty,
            "topic": said["topic"] or 1,
            "evidence": known.get("evidence", ""),
            "comment": said["comment"],
            "summary": known.get("summary", ""),
        }
        return {name: values[name] for name in fields}

    def _usage(self, shared: str, text: str, content: str) -> dict[str, Any]:
        prompt, completion, prefix = (len(part) // _CHARACTERS_A_TOKEN + 1 for part in (text, content, shared))
        cached = written = 0
        if prefix >= _LEAST_CACHED:
            with self._lock:
                cached, written = (prefix, 0) if shared in self._seen else (0, prefix)
                self._seen.add(shared)
        details = {"cached_tokens": cached, "cache_write_tokens": written}
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": details,
        }


def recorded(answers: Path, mailing: Path, readers: Mapping[str, str]) -> Recorded:
    """The answers of a file, by the titles that a mailing file gives to their papers."""
    titles = {paper["id"]: paper["title"] for paper in _lines(mailing)}
    return Recorded({titles[answer["id"]]: answer for answer in _lines(answers)}, readers)


@contextmanager
def serving(model: Recorded) -> Iterator[str]:
    """The base URL of the recorded model, while it listens."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(model.answer(body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing: the demo says what it does."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def prompt_of(body: Mapping[str, Any]) -> tuple[str, str]:
    """A request's text up to the cache breakpoint, and all of it."""
    parts: list[str] = []
    shared = ""
    for message in body["messages"]:
        content = message["content"]
        for part in content if isinstance(content, list) else [{"text": content}]:
            parts.append(part["text"])
            if "prompt_cache_breakpoint" in part:
                shared = "\n".join(parts)
    return shared, "\n".join(parts)
