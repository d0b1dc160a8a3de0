"""Decides whether what this machine has is sound: settings, secret, disk, database, topics files, consent."""

from newsletter.delivery import backends
from newsletter.errors import NewsletterError, SettingsError
from newsletter.links import keys_of
from newsletter.models.subscribers import Problem, Subscriber, SubscriberStatus
from newsletter.operations.doctor.patient import Found, Patient, cross, tick

SECRET_FROM = 32  # characters: 128 bits in hexadecimal
ROOM = 500e6  # bytes
NAMED = 3


def settings(patient: Patient) -> Found:
    try:
        backends.connect(patient.settings).close()
    except SettingsError as error:
        yield cross(
            "settings", str(error), "set it, then run the doctor again; templates/newsletter.toml explains each key"
        )
        return
    backend = patient.settings.mail.backend
    yield tick("settings", f"{backend} can be used" if patient.mails_people else "the outbox: nobody is mailed")


def secret(patient: Patient) -> Found:
    keys = keys_of(patient.settings.secret("NEWSLETTER_SECRET"))
    if not keys:
        if patient.mails_people:
            yield cross("secret", "NEWSLETTER_SECRET is not set", "set it to the output of `openssl rand -hex 32`")
        return
    short = min(len(key) for key in keys)
    if short < SECRET_FROM:
        yield cross(
            "secret",
            f"NEWSLETTER_SECRET has a key of {short} characters, which can be guessed",
            "put a new one in front (openssl rand -hex 32), and keep the old one behind a comma for 30 days",
        )
    else:
        yield tick("secret", f"{len(keys)} key{'s' if len(keys) > 1 else ''}, long enough")


def disk(patient: Patient) -> Found:
    database = patient.store.database.path
    free, size = patient.probes.free(database), database.stat().st_size
    if free < max(ROOM, 2 * size):
        yield cross(
            "disk",
            f"{free / 1e6:.0f} MB free beside a database of {size / 1e6:.0f}",
            "make room: a full disk stops every run; keep_message_days and backup.keep_days bound what is kept",
        )
    else:
        yield tick("disk", f"{free / 1e9:.1f} GB free, the database has {size / 1e6:.1f} MB")


def database(patient: Patient) -> Found:
    try:
        patient.probes.whole(patient.store.database.path)
    except NewsletterError as error:
        yield cross("database", str(error), "stop the service and put the last backup back: newsletter restore FOLDER")
    else:
        yield tick("database", "opened and found whole")


def topics_files(patient: Patient) -> Found:
    broken = [entry for entry in patient.entries if isinstance(entry, Problem)]
    if broken:
        yield cross(
            "topics files", broken[0].message, f"mend it: newsletter topics check subscribers/{broken[0].slug}.md"
        )
    elif not patient.entries:
        yield cross("topics files", "there are no subscribers", "add one: newsletter subscribers add FILE")
    else:
        yield tick("topics files", f"{len(patient.entries)} can be read")


def consent(patient: Patient) -> Found:
    if not patient.mails_people:
        return
    active = [e for e in patient.entries if isinstance(e, Subscriber) and e.status is SubscriberStatus.ACTIVE]
    barred = [(e.slug, why) for e in active if (why := patient.store.subscribers.barred(e))]
    if barred:
        names = ", ".join(slug for slug, _ in barred[:NAMED])
        yield cross(
            "consent",
            f"{len(barred)} of {len(active)} active subscribers get no mail: {names}",
            "newsletter subscribers show SLUG says why; an address that agreed is recorded by `subscribers add`",
        )
    else:
        yield tick("consent", f"on record for all {len(active)}")
