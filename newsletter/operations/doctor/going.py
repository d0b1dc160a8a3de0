"""Decides whether the service goes on well: the last backup, who is told of trouble, the day itself."""

from newsletter.operations.doctor.patient import Found, Patient, cross, skip, tick
from newsletter.operations.status import late, today
from newsletter.settings import Alerts
from newsletter.sources import origins

BACKUP_WITHIN = 2 * 86400.0


def backup(patient: Patient) -> Found:
    age = today(patient.store, patient.now).backup_age
    if age is None or age > BACKUP_WITHIN:
        said = "there is no backup" if age is None else f"the last backup is {age / 86400:.0f} days old"
        yield cross("backup", said, "newsletter backup --to FOLDER, and daily: backup.to with schedule, or a timer")
    else:
        yield tick("backup", f"{age / 3600:.0f} hours old")


def alarm(patient: Patient) -> Found:
    alerts, mail = patient.settings.of(Alerts), patient.settings.mail
    ways = [
        name
        for name, value in (
            ("mail.operator_address", mail.operator_address),
            ("alerts.command", alerts.command),
            ("alerts.webhook", alerts.webhook),
            ("alerts.heartbeat", alerts.heartbeat),
        )
        if value
    ]
    if ways:
        yield tick("alarm", f"by {', '.join(ways)}")
    elif patient.mails_people:
        yield cross("alarm", "nobody would be told", "set mail.operator_address, and alerts.heartbeat beside it")


def day(patient: Patient) -> Found:
    day = today(patient.store, patient.now)
    if day.run_age is None and not day.mailing:
        yield skip("day", "there was no run yet")
        return
    troubles = [*late(day, patient.now, origins()["arxiv"].calendar), *(i.said for i in patient.store.incidents.open())]
    for trouble in troubles:
        yield cross("day", trouble, "docs/incidents.md has a card for it; newsletter status shows the day")
    if not troubles:
        yield tick("day", "on time")
