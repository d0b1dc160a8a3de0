"""Decides what a server's words say of the sender, and which of them are kept. Calls nothing.

Enhanced codes (RFC 3463 §3.8): Gmail refuses senders with 4.7.x and 5.7.25 to 5.7.29 (authentication, reverse DNS, TLS,
unwanted mail), Microsoft with 5.7.515 and 4.7.500 and up. https://support.google.com/a/answer/3726730
"""

import re

# 4.7.1 alone is how greylisting answers each new reader; together with 421 it is about the connection, thus the sender.
_SENDER = re.compile(r"(?<![\d.])(?:5\.7\.(?:2[5-9]|515)|4\.7\.(?!1\b)\d{1,3})(?!\.?\d)")
_GREYLISTED = re.compile(r"(?<![\d.])4\.7\.1(?!\.?\d)")
_IN_ADDRESS = r"[^\s<>()\[\]{}\"',;:]"
_ADDRESS = re.compile(rf"(?<!{_IN_ADDRESS}){_IN_ADDRESS}+@{_IN_ADDRESS}*(?<!\.)")  # begins where a word does: linear


def without_addresses(said: object) -> str:
    """What a server or an error said, without the addresses that it repeats: it is logged, shown and kept."""
    return _ADDRESS.sub("an address", str(said))


def refuses_sender(said: str, code: int = 0) -> bool:
    """True where a refusal is about who sends, and says nothing about the reader; `code` is the reply's own."""
    return bool(_SENDER.search(said)) or (code == 421 and bool(_GREYLISTED.search(said)))
