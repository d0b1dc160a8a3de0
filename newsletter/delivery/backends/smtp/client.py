"""Calls an SMTP server: pooled connections, TLS, authentication, a return path per send, DKIM where a key is given.

How replies are read (RFC 5321 §4.2.1): 4yz certainly not sent, try later; 5yz never will be. What refuses the sender,
the credentials or the whole connection would refuse every message; what refuses the sender by one of the codes in
delivery/replies.py does so for one mailbox provider. Once the message has begun, a lost connection says
nothing, and neither does an answer that is no reply to it: any but 250, 4yz and 5yz.
"""

import queue
import re
import smtplib
import ssl
from collections.abc import Callable
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from newsletter.delivery.backends.smtp import Options, split
from newsletter.delivery.message import SIGNED, ascii_address, domain
from newsletter.delivery.replies import refuses_sender
from newsletter.errors import SettingsError
from newsletter.models.sends import Outcome, Outgoing, Receipt

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NO_SUCH_USER = re.compile(rb"\b5\.1\.[1236]\b")  # RFC 3463 §3.2: bad mailbox, bad system, bad syntax, moved
_ENDS_ADDRESS = re.compile(r"[\x00-\x20\x7f<>]")


class Smtp:
    """An SMTP client with a pool of connections; safe to use from several threads."""

    reaches_people = True

    def __init__(self, options: Options, password: str = "") -> None:
        self._options = options
        self._url = split(options.url)
        self._user = unquote(self._url.username or "")
        self._password = password or unquote(self._url.password or "")
        self._dkim_key = _key(options)
        self._tls = _tls(options)
        self._bounces = _ascii("smtp.bounce_address", ascii_address, options.bounce_address)
        self._helo = _ascii("smtp.helo", domain, options.helo) if options.helo else None
        self._dkim_domain = _ascii("smtp.dkim_domain", domain, options.dkim_domain).encode()
        self._idle: queue.SimpleQueue[smtplib.SMTP] = queue.SimpleQueue()

    def submit(self, outgoing: Outgoing) -> Receipt:
        try:
            content = self._signed(outgoing.eml)
        except Exception as error:  # noqa: BLE001 - whatever the signer dislikes, it dislikes in every message
            return Receipt(Outcome.STOP, f"cannot be signed: {type(error).__name__}: {error}")
        try:
            sender = _carried(self.return_path(outgoing))
        except ValueError:
            return Receipt(Outcome.STOP, "the sender's address cannot stand in an envelope: see mail.from")
        try:
            recipient = _carried(ascii_address(outgoing.recipient))
        except ValueError:
            return Receipt(Outcome.FAILED, "the reader's address has letters that an envelope cannot carry")
        connection, fresh = self._take()
        while True:
            if isinstance(connection, Receipt):
                return connection
            try:
                refused = self._announce(connection, sender, recipient)
            except _Gone as gone:
                connection.close()
                if fresh:
                    said = f"the connection ended: {gone}"
                    return Receipt(Outcome.RETRY, said, sender_refused=gone.sender_refused)
                connection, fresh = self.open(), True  # the server had closed it while it was idle
                continue
            if refused is None:
                return self._hand_over(connection, content)
            self._keep_or_close(connection, refused)
            return refused

    def close(self) -> None:
        while not self._idle.empty():
            connection = self._idle.get()
            try:
                connection.quit()
            except (OSError, smtplib.SMTPException):
                connection.close()

    def _announce(self, connection: smtplib.SMTP, sender: str, recipient: str) -> Receipt | None:
        """MAIL and RCPT; None when the server wants the message, otherwise why it certainly was not sent.

        Raises _Gone when the connection is of no more use; 421 announces just that (RFC 5321 §3.8), and after what is
        no reply nobody knows which command the next one answers.
        """
        both = connection.has_extn("pipelining")  # RFC 2920: two commands go out at once, for one wait
        try:
            connection.send(_envelope(sender, recipient) if both else _envelope(sender))
            code, text = connection.getreply()
            if code != 250:
                _check_reply(code, text)
                if both:
                    connection.getreply()
                return _refused(code, text, everybody=code >= 500)
            code, text = connection.getreply() if both else connection.rcpt(recipient)
            if code not in (250, 251):
                _check_reply(code, text)
                return _refused(code, text, address=True)
        except (OSError, smtplib.SMTPException) as error:
            raise _Gone(_said(error)) from error
        return None

    def _hand_over(self, connection: smtplib.SMTP, content: bytes) -> Receipt:
        try:
            code, text = _data(connection, content)
        except smtplib.SMTPDataError as error:  # before any byte of the message
            code, text = error.smtp_code, _bytes(error.smtp_error)
            if not 400 <= code < 600:
                connection.close()
                return Receipt(Outcome.RETRY, f"DATA was answered with {_said_as(code, text)} instead of 354")
            receipt = _refused(code, text)
        except (OSError, smtplib.SMTPException) as error:
            connection.close()
            return Receipt(Outcome.AMBIGUOUS, f"the connection was lost after DATA: {_said(error)}")
        else:
            if code != 250 and not 400 <= code < 600:
                connection.close()
                return Receipt(Outcome.AMBIGUOUS, f"the message was answered with {_said_as(code, text)}")
            receipt = _taken(text) if code == 250 else _refused(code, text)
        self._keep_or_close(connection, receipt)
        return receipt

    def return_path(self, outgoing: Outgoing) -> str:
        """Where this message comes back to: an address of its own, so that a bounce names its send (VERP)."""
        local, _, host = self._bounces.rpartition("@")
        return f"{local}+{outgoing.send_id}@{host}" if local else _bare(outgoing.sender)

    def _signed(self, eml: bytes) -> bytes:
        if not self._dkim_key:
            return eml
        import dkim  # noqa: PLC0415 - an optional dependency

        options = self._options
        present = {line.split(b":", 1)[0].lower() for line in eml.split(b"\r\n\r\n", 1)[0].split(b"\r\n")}
        signature = dkim.sign(
            eml,
            options.dkim_selector.encode(),
            self._dkim_domain,
            self._dkim_key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name for name in (header.lower().encode() for header in SIGNED) if name in present],
        )
        return bytes(signature) + eml

    def _take(self) -> tuple[smtplib.SMTP | Receipt, bool]:
        """An idle connection, or a fresh one."""
        try:
            return self._idle.get_nowait(), False
        except queue.Empty:
            return self.open(), True

    def _keep_or_close(self, connection: smtplib.SMTP, receipt: Receipt) -> None:
        try:
            if receipt.outcome is Outcome.ACCEPTED or connection.rset()[0] == 250:
                self._idle.put(connection)
                return
        except (OSError, smtplib.SMTPException):
            pass
        connection.close()

    def open(self) -> smtplib.SMTP | Receipt:
        """A connection that is signed in, or why there is none."""
        url, options = self._url, self._options
        host, timeout, helo = url.hostname or "", options.timeout_seconds, self._helo
        connection: smtplib.SMTP | None = None
        try:
            if url.scheme == "smtps":
                connection = smtplib.SMTP_SSL(host, url.port or 465, helo, timeout=timeout, context=self._tls)
            else:
                connection = smtplib.SMTP(host, url.port or 25, helo, timeout=timeout)
                if options.encryption == "starttls" or (options.encryption == "auto" and host not in LOOPBACK):
                    connection.starttls(context=self._tls)
            connection.ehlo_or_helo_if_needed()
            if self._user:
                connection.login(self._user, self._password)
        except smtplib.SMTPNotSupportedError as error:
            return _closed(connection, Receipt(Outcome.STOP, f"{host} lacks what smtp.url asks for: {error}"))
        except smtplib.SMTPResponseException as error:
            refused = _refused(error.smtp_code, _bytes(error.smtp_error), everybody=error.smtp_code >= 500)
            return _closed(connection, refused)
        except ssl.SSLCertVerificationError as error:
            return _closed(connection, Receipt(Outcome.STOP, f"{host}: its certificate is not valid: {_said(error)}"))
        except (OSError, smtplib.SMTPException) as error:
            return _closed(connection, Receipt(Outcome.RETRY, f"{host} cannot be reached: {_said(error)}"))
        except ValueError as error:  # such as a password that smtplib cannot encode
            return _closed(connection, Receipt(Outcome.STOP, f"{host}: smtp.url cannot be used: {_said(error)}"))
        return connection


@lru_cache(maxsize=16)
def _bare(sender: str) -> str:
    """The address of a sender that may carry a name."""
    return ascii_address(parseaddr(sender)[1])


def _carried(address: str) -> str:
    """The address, which can stand in a command. Raises ValueError for one that would end it, or is no ASCII."""
    address.encode("ascii")
    if _ENDS_ADDRESS.search(address):
        raise ValueError("an address of a command has no such letters")
    return address


def _envelope(sender: str, recipient: str = "") -> str:
    """MAIL, and RCPT where it goes with it."""
    return f"MAIL FROM:<{sender}>\r\n" + (f"RCPT TO:<{recipient}>\r\n" if recipient else "")


def _data(connection: smtplib.SMTP, content: bytes) -> tuple[int, bytes]:
    """DATA and a message whose lines end in CRLF; raises and answers as smtplib's own, which looks at each line."""
    code, text = connection.docmd("DATA")
    if code != 354:
        raise smtplib.SMTPDataError(code, text)
    stuffed = (b"." if content.startswith(b".") else b"") + content.replace(b"\r\n.", b"\r\n..")
    connection.send(stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    return connection.getreply()


class _Gone(Exception):
    """The connection cannot be used any more, and no message was sent over it."""

    sender_refused = False


def _check_reply(code: int, text: bytes) -> None:
    """Raises _Gone after what ends the connection or is no reply to a command."""
    if code == 421:
        gone = _Gone(_plain(text))
        gone.sender_refused = refuses_sender(_plain(text), code)
        raise gone
    if not 400 <= code < 600:
        raise _Gone(f"answered with {_said_as(code, text)}")


def _said_as(code: int, text: bytes) -> str:
    """What a server said, be it a reply or not."""
    return f"“{f'{code} ' if code > 0 else ''}{_plain(text)}”"


def _ascii(key: str, encode: Callable[[str], str], value: str) -> str:
    """A setting's address or domain as it stands in an envelope. Raises SettingsError."""
    try:
        encoded = encode(value)
        encoded.encode("ascii")
    except UnicodeError:
        raise SettingsError(f"{key}: {value!r} cannot stand in an envelope; write ASCII before the @") from None
    return encoded


def _taken(text: bytes) -> Receipt:
    said = _plain(text)
    found = re.search(r"(?:queued as|id[= ]?) ?<?([\w.-]+)", said)
    return Receipt(Outcome.ACCEPTED, f"250 {said}", provider_id=found[1] if found else said[:80])


def _refused(code: int, text: bytes, *, everybody: bool = False, address: bool = False) -> Receipt:
    detail = f"{code} {_plain(text)}"
    if everybody:
        return Receipt(Outcome.STOP, detail)
    if 400 <= code < 600 and refuses_sender(_plain(text), code):
        return Receipt(Outcome.RETRY, detail, sender_refused=True)
    if 500 <= code < 600:
        gone = address and (bool(_NO_SUCH_USER.search(text)) or (code in (550, 551, 553) and b"5." not in text))
        return Receipt(Outcome.FAILED, detail, bad_address=gone)
    return Receipt(Outcome.RETRY, detail)


def _closed(connection: smtplib.SMTP | None, receipt: Receipt) -> Receipt:
    if connection:
        connection.close()
    return receipt


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _plain(text: bytes) -> str:
    return " ".join(text.decode("utf-8", "replace").split())[:300]


def _key(options: Options) -> bytes:
    if not options.dkim_key_file:
        return b""
    for name in ("dkim_selector", "dkim_domain"):
        if not getattr(options, name):
            raise SettingsError(f"smtp.{name}: is needed beside smtp.dkim_key_file")
    try:
        import dkim  # noqa: F401, PLC0415 - an optional dependency

        return Path(options.dkim_key_file).read_bytes()
    except ImportError:
        raise SettingsError("smtp.dkim_key_file needs dkimpy: pip install 'newsletter[dkim]'") from None
    except OSError as error:
        raise SettingsError(f"smtp.dkim_key_file: {options.dkim_key_file}: {error.strerror}") from error


def _tls(options: Options) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=options.ca_file or None)
    except OSError as error:
        raise SettingsError(f"smtp.ca_file: {options.ca_file} cannot be used: {error.strerror or error}") from error
