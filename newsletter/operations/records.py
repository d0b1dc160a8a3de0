"""Decides what DNS records say of a sender; `lookup` is asked for them."""

import re
from dataclasses import dataclass

from newsletter.delivery.dns import Lookup

SPF_LOOKUPS = 10  # RFC 7208 §4.6.4
_ASKS = re.compile(r"[+?~-]?(?:include:(?P<include>\S+)|(?:a|mx|ptr)(?:[:/]|$)|exists:)|redirect=(?P<redirect>\S+)")
DMARC_WALK = 8  # labels, RFC 9989 §4.10
_POLICIES = {"none", "quarantine", "reject"}
_DEPRECATED = ("pct", "rf", "ri")  # RFC 9989, appendix C


@dataclass(frozen=True, slots=True)
class Said:
    """What a record comes to: whether it will do, and a sentence."""

    well: bool
    said: str


def mx(domain: str, lookup: Lookup) -> Said:
    """Whether replies and bounces can come back (RFC 5321 §5.1; a null MX refuses them, RFC 7505)."""
    records = lookup(domain, "MX")
    if records and all(record.split()[-1] == "." for record in records):
        return Said(well=False, said=f"{domain} takes no mail (null MX), so replies and bounces are lost")
    if records:
        return Said(well=True, said=f"{domain} takes mail at {records[0].split()[-1].rstrip('.')}")
    if lookup(domain, "A") or lookup(domain, "AAAA"):
        return Said(well=True, said=f"{domain} has no MX; mail goes to its address")
    return Said(well=False, said=f"{domain} has neither MX nor address, so replies and bounces are lost")


def spf(domain: str, lookup: Lookup) -> Said:
    """Whether the envelope's domain names who may send for it (RFC 7208)."""
    records = _spf_records(domain, lookup)
    if not records:
        return Said(well=False, said=f"{domain} has no SPF record")
    if len(records) > 1:
        return Said(well=False, said=f"{domain} has {len(records)} SPF records; more than one is an error")
    terms = records[0].lower().split()[1:]
    if "+all" in terms or "all" in terms:
        return Said(well=False, said=f"the SPF record of {domain} lets everybody send (+all)")
    asked, fault = _asked(records[0], lookup)
    if fault:
        return Said(well=False, said=f"the SPF record of {domain} cannot be read to its end: {fault}")
    if asked > SPF_LOOKUPS:
        return Said(
            well=False,
            said=f"the SPF record of {domain} needs more than {SPF_LOOKUPS} lookups, with what it includes",
        )
    return Said(well=True, said=f"{domain}: {records[0]}")


def _spf_records(domain: str, lookup: Lookup) -> list[str]:
    return [text for text in lookup(domain, "TXT") if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]


def _asked(record: str, lookup: Lookup, asked: int = 0) -> tuple[int, str]:
    """The lookups that a record needs beside `asked`, those of the records it names included (RFC 7208 §4.6.4).

    And what makes it an error: a record it includes (§5.2) or leads to (§6.1) that is not there, or there twice (§4.5).
    Counts no further than one too many, which ends circles, too.
    """
    terms = record.lower().split()[1:]
    has_all = any(re.fullmatch(r"[+?~-]?all", term) for term in terms)
    for term in terms:
        match = _ASKS.match(term)
        if match is None or asked > SPF_LOOKUPS or (match["redirect"] and has_all):
            continue
        asked += 1
        name = match["include"] or match["redirect"] or ""
        if name and "%" not in name:  # a macro depends on the mail
            found = _spf_records(name, lookup)
            if len(found) != 1:
                return asked, f"{name} has {len(found) or 'no'} SPF record{'s' if found else ''}"
            asked, fault = _asked(found[0], lookup, asked)
            if fault:
                return asked, fault
    return asked, ""


def dkim(selector: str, domain: str, lookup: Lookup, public_key: str = "") -> Said:
    """Whether the key that signs is published (RFC 6376 §3.6); `public_key` is the base64 of ours, where we sign."""
    name = f"{selector}._domainkey.{domain}"
    records = lookup(name, "TXT")
    if not records:
        return Said(well=False, said=f"{name} has no DKIM key")
    tags = _tags(records[0])
    if not tags.get("p"):
        return Said(well=False, said=f"the DKIM key at {name} is withdrawn (p= is empty)")
    if public_key and re.sub(r"\s", "", tags["p"]) != public_key:
        return Said(well=False, said=f"the DKIM key at {name} is not that of smtp.dkim_key_file")
    if tags.get("t", "") == "y":
        return Said(well=False, said=f"the DKIM key at {name} is in test mode (t=y), so it proves nothing")
    return Said(well=True, said=f"{name} has a key")


def dmarc(domain: str, lookup: Lookup) -> Said:
    """What receivers shall do with mail that is not ours, by the walk up the tree of RFC 9989 §4.10."""
    found, at = dmarc_record(domain, lookup)
    if not found:
        return Said(well=False, said=f"neither {domain} nor a domain above it has a DMARC record")
    tags = _tags(found)
    policy = tags.get("p", "").lower()
    if policy not in _POLICIES:
        return Said(well=False, said=f"the DMARC record at _dmarc.{at} has no valid policy (p=)")
    old = [tag for tag in _DEPRECATED if tag in tags]
    more = f"; {', '.join(old)} is no longer read (RFC 9989)" if old else ""
    reports = "" if "rua" in tags else "; without rua= you get no reports"
    return Said(well=True, said=f"_dmarc.{at}: p={policy}{reports}{more}")


def dmarc_record(domain: str, lookup: Lookup) -> tuple[str, str]:
    """The DMARC record that holds for a domain, and where it stands; two empty strings where there is none."""
    labels = domain.rstrip(".").split(".")
    if len(labels) > DMARC_WALK:
        labels = [labels[0], *labels[-DMARC_WALK + 1 :]]
    starts = [0, *range(max(1, len(labels) - DMARC_WALK + 1), len(labels))]
    for start in starts:
        at = ".".join(labels[start:])
        records = [text for text in lookup(f"_dmarc.{at}", "TXT") if text.replace(" ", "").startswith("v=DMARC1")]
        if len(records) == 1:
            return records[0], at
    return "", ""


def aligned(one: str, other: str, lookup: Lookup) -> bool:
    """Whether two domains are of one organisation, as DMARC's relaxed alignment asks."""
    one, other = one.lower().rstrip("."), other.lower().rstrip(".")
    if one == other:
        return True
    tops = [dmarc_record(domain, lookup)[1] or domain for domain in (one, other)]
    return tops[0] == tops[1] or one.endswith(f".{tops[1]}") or other.endswith(f".{tops[0]}")


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";") if "=" in part)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
