"""Calls what the doctor asks about: the web, DNS, the mail server, the disk, SpamAssassin. Changes nothing anywhere."""

import base64
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPResponse
from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from newsletter.delivery import backends
from newsletter.delivery.dns import lookup
from newsletter.operations.doctor.patient import Answer, Probes
from newsletter.settings import Settings
from newsletter.store import copies

PATIENCE = 10.0  # seconds for an answer
BODY = 1_000_000  # bytes of it that are read


def connect(settings: Settings) -> Probes:
    """The probes of this machine."""
    return Probes(
        ask=ask,
        lookup=lookup,
        mail_server=lambda: backends.probe(settings),
        free=lambda path: shutil.disk_usage(path.parent).free,
        whole=copies.check,
        spam=spam,
        dkim_key=dkim_key,
    )


def ask(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """One request; a redirect is an answer like another. Raises OSError where there is none."""
    request = urllib.request.Request(url, body or None, dict(headers), method=method)  # noqa: S310 - http and https, by the settings' own patterns
    try:
        with _OPENER.open(request, timeout=PATIENCE) as found:
            return _answer(cast("HTTPResponse", found))
    except urllib.error.HTTPError as error:
        return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read(BODY))


def spam(eml: bytes) -> float | None:
    """SpamAssassin's points by its local rules; None where it is not installed."""
    if not (program := shutil.which("spamassassin")):
        return None
    judged = subprocess.run([program, "-L", "-t"], input=eml, capture_output=True, timeout=120, check=False)  # noqa: S603 - by its full path
    points = re.search(rb"^Content analysis details:\s+\(?(-?[\d.]+) points", judged.stdout, re.MULTILINE)
    return float(points[1]) if points else None


def dkim_key(path: str) -> str:
    """The public half of a private key in PEM form, as a DKIM record has it. Raises OSError, ValueError."""
    key = load_pem_private_key(Path(path).read_bytes(), None).public_key()
    is_ed25519 = "ed25519" in type(key).__name__.lower()
    raw = (
        key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        if is_ed25519  # RFC 8463 §4.2: the bare key
        else key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(raw).decode()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """A redirect is an answer: a mailbox's POST would not follow it."""


_OPENER = urllib.request.build_opener(_Stay)


def _answer(found: HTTPResponse) -> Answer:
    return Answer(found.status, {k.lower(): v for k, v in found.headers.items()}, found.read(BODY))
