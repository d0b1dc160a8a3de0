"""Decides what receivers of our mail see of us: DNS records, the size of an edition, its spam points."""

from newsletter.delivery.backends.smtp import Options as Smtp
from newsletter.delivery.message import domain as domain_of
from newsletter.operations import records
from newsletter.operations.doctor.patient import Found, Patient, Probes, cross, said, skip, tick

CLIP = 102_000  # bytes of HTML after which Gmail cuts (support.google.com/mail, "Message clipped")
SPAM = 3.0  # points; SpamAssassin's own limit is 5


def dns(patient: Patient) -> Found:
    if not patient.mails_people:
        yield skip("DNS", "the outbox needs no records")
        return
    sender, lookup = domain_of(patient.settings.mail.address), patient.probes.lookup
    try:
        yield said(
            "MX", records.mx(sender, lookup), f"publish an MX record for {sender}, or mail from a domain that has one"
        )
        if patient.settings.mail.backend == "smtp":
            yield from _smtp_dns(patient.settings.of(Smtp), sender, patient.probes)
        dmarc = records.dmarc(sender, lookup)
        record = f"v=DMARC1; p=none; rua=mailto:postmaster@{sender}"
        mend = f'publish TXT _dmarc.{sender} "{record}", then tighten it (RFC 9989)'
        yield said("DMARC", dmarc, mend)
    except OSError as error:
        yield cross("DNS", str(error), "let this machine resolve names: /etc/resolv.conf")


def _smtp_dns(smtp: Smtp, sender: str, probes: Probes) -> Found:
    envelope = domain_of(smtp.bounce_address) if smtp.bounce_address else sender
    spf = records.spf(envelope, probes.lookup)
    yield said(
        "SPF", spf, f'publish one TXT record at {envelope}, such as "v=spf1 mx -all", that names your mail server'
    )
    if not records.aligned(envelope, sender, probes.lookup):
        yield cross(
            "alignment",
            f"bounces go to {envelope}, mail is from {sender}: SPF does not count for DMARC",
            f"set smtp.bounce_address to an address at {sender} or below it",
        )
    if not smtp.dkim_selector:
        yield skip("DKIM", "your mail server signs: send yourself a test and look for dkim=pass in what arrives")
        return
    domain, ours = smtp.dkim_domain or sender, ""
    try:
        ours = probes.dkim_key(smtp.dkim_key_file) if smtp.dkim_key_file else ""
    except (OSError, ValueError) as error:
        yield cross("DKIM", f"smtp.dkim_key_file: {error}", "name a private key in PEM form that this user may read")
        return
    mend = f"publish the public key of smtp.dkim_key_file as TXT {smtp.dkim_selector}._domainkey.{domain}"
    yield said("DKIM", records.dkim(smtp.dkim_selector, domain, probes.lookup, ours), mend)
    if not records.aligned(domain, sender, probes.lookup):
        yield cross("alignment", f"{domain} signs for {sender}", f"sign with a key of {sender}: smtp.dkim_domain")


def sample(patient: Patient) -> Found:
    sample = patient.sample()
    if sample is None:
        yield skip("sample", "no mailing is stored yet: newsletter fetch")
        return
    if sample.html > CLIP:
        yield cross(
            "size", f"an edition has {sample.html / 1000:.0f} kB of HTML, and Gmail cuts at 102", "lower max_papers"
        )
    else:
        yield tick("size", f"an edition has {sample.html / 1000:.0f} kB of HTML")
    points = patient.probes.spam(sample.eml)
    if points is None:
        yield skip("spam", "SpamAssassin is not installed here (apt install spamassassin)")
    elif points > SPAM:
        yield cross("spam", f"SpamAssassin gives {points:.1f} points", "see which rules: spamassassin -L -t < the .eml")
    else:
        yield tick("spam", f"SpamAssassin gives {points:.1f} points")
