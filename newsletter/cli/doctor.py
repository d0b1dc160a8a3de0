"""`newsletter doctor`: is this set-up sound? A tick or a cross for each part, and what to do."""

from dataclasses import asdict
from typing import Annotated

import typer

from newsletter import app
from newsletter.cli import show
from newsletter.delivery import message
from newsletter.editions.preview import local_edition
from newsletter.models.editions import Links
from newsletter.models.subscribers import Subscriber
from newsletter.operations import probes
from newsletter.operations.doctor import examine
from newsletter.operations.doctor.patient import Mark, Patient, Sample
from newsletter.rendering.templates import render
from newsletter.settings import Settings
from newsletter.store import Store
from newsletter.subscribers.roster import roster

SIGNS = {Mark.TICK: "✓", Mark.CROSS: "✗", Mark.SKIPPED: "–"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Examine the set-up: settings, secrets, web, mail server, DNS, model, disk, backup. Exits 1 on a cross.

    Nothing is mailed, nobody is unsubscribed, no model is asked to write.

    Examples:

        newsletter doctor

        newsletter doctor --json
    """
    settings = app.home_settings()
    assert settings.home is not None, "the doctor visits homes"
    with app.open_store(settings) as store:
        entries = tuple(roster(settings.home / "subscribers", store, app.taxonomy(), app.now()))
        patient = Patient(
            settings=settings,
            store=store,
            entries=entries,
            probes=probes.connect(settings),
            now=app.now(),
            sample=lambda: _sample(settings, store, entries),
            expected=lambda: str(
                app.day_cost(settings, store, [e for e in entries if isinstance(e, Subscriber)]) or ""
            ),
        )
        found = examine(patient)
    crosses = [check for check in found if check.mark is Mark.CROSS]
    if as_json:
        show.as_json([asdict(check) for check in found])
    else:
        for check in found:
            show.say(f"{SIGNS[check.mark]} {check.name:13} {check.said}")
            if check.mend:
                show.say(f"  {'':13} → {check.mend}")
        show.say("all is well" if not crosses else f"{len(crosses)} to mend")
    if crosses:
        raise typer.Exit(1)


def _sample(settings: Settings, store: Store, entries: tuple[object, ...]) -> Sample | None:
    """The edition of the first subscriber, the newest or one made now by the local scorer."""
    reader = next((entry for entry in entries if isinstance(entry, Subscriber)), None)
    if reader is None:
        return None
    newest = store.editions.newest_id(reader.slug)
    if newest is not None:
        edition = store.editions.load(newest)
    elif (made := local_edition(reader, store, app.local_scorer(store), app.taxonomy())) is not None:
        edition = made
    else:
        return None
    templates, mail = app.templates(settings), settings.mail
    link = f"{settings.web.base_url.rstrip('/')}/u/sample"
    email = render(edition, Links(unsubscribe=link), templates)
    envelope = message.Envelope("sample0000", mail.sender, mail.address, templates.mailer, link, mail.address)
    return Sample(message.build(email, envelope, app.now()), len(email.html.encode()))
