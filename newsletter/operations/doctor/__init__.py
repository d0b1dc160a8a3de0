"""Decides whether a set-up is sound, from what its probes find; each cross says what to do.

A check is a function of a patient: it yields what it found and asks nobody but the probes, so that each broken set-up
can be made in a test. Nothing is mailed, nobody is unsubscribed, no model is asked to write. A file for what we have,
how we are reached, what we reach, what receivers see, and whether it goes on.
"""

from collections.abc import Callable

from newsletter.operations.doctor.going import alarm, backup, day
from newsletter.operations.doctor.having import consent, database, disk, secret, settings, topics_files
from newsletter.operations.doctor.patient import Check, Found, Mark, Patient
from newsletter.operations.doctor.reached import clock, web
from newsletter.operations.doctor.reaching import arxiv, mail_server, model
from newsletter.operations.doctor.seen import dns, sample

CHECKS: tuple[Callable[[Patient], Found], ...] = (
    settings, secret, disk, database, topics_files, consent, web, clock, arxiv, mail_server, model, dns, sample,
    backup, alarm, day,
)  # fmt: skip


def examine(patient: Patient) -> list[Check]:
    """All checks in order; one that fails by itself is a cross of its own."""
    found: list[Check] = []
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            found += check(patient)
        except Exception as error:  # noqa: BLE001 - a check that stumbles must not hide the others
            mend = "look at what it says, then run the doctor again"
            found.append(Check(name, Mark.CROSS, f"{type(error).__name__}: {error}", mend))
    return found
