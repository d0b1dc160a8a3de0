"""Calls the domain name system, by the machine's own resolver: the only door to dnspython."""

from collections.abc import Callable, Sequence

Lookup = Callable[[str, str], Sequence[str]]  # a name and a type to values, none where there are none; raises OSError
SECONDS = 5.0  # for one answer


def lookup(name: str, kind: str) -> Sequence[str]:
    """The values of a name, such as "10 mx.example.org." of MX. Raises OSError where nothing answers."""
    import dns.exception  # noqa: PLC0415 - no command waits for it before it asks
    import dns.resolver  # noqa: PLC0415
    from dns.rdtypes.ANY.TXT import TXT  # noqa: PLC0415

    try:
        answer = dns.resolver.resolve(name, kind, lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.exception.SyntaxError):
        return ()
    except dns.exception.DNSException as error:
        raise OSError(f"no answer for {kind} of {name}: {error}") from error
    return [
        b"".join(record.strings).decode("utf-8", "replace") if isinstance(record, TXT) else record.to_text()
        for record in answer
    ]
