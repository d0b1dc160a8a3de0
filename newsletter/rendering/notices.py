"""Decides what a notice says: mail that is no edition, in the reader's language and the operator's theme."""

from collections.abc import Callable
from dataclasses import dataclass

from newsletter.models.editions import Email
from newsletter.models.sends import Notice, NoticeKind
from newsletter.rendering.language import ENGLISH, Words, words
from newsletter.rendering.templates import Templates


@dataclass(frozen=True, slots=True)
class Letter:
    """What a notice says, in the order of the page; with a `url` there is one button, `label`."""

    subject: str
    title: str
    lines: tuple[str, ...]
    label: str = ""
    url: str = ""
    closing: str = ""
    sent_by: str = ""


def render_notice(notice: Notice, templates: Templates) -> Email:
    """The email of a notice. Its facts may name the `language`; KeyError where one is missing that its kind needs."""
    spoken = words(str(notice.facts.get("language", ENGLISH)))
    told = _LETTERS[notice.kind](notice, spoken, templates)
    context = {"letter": told, "lang": spoken.language, "theme": templates.theme, "mailer": templates.mailer}
    return Email(
        subject=told.subject,
        html=templates.notice_html.render(context),
        text=templates.notice_text.render(context),
        preheader=told.lines[0] if told.lines else "",
    )


def _confirm(notice: Notice, spoken: Words, templates: Templates) -> Letter:
    """Facts: `url` of the page that asks once more."""
    say, name = spoken.say, templates.mailer
    return Letter(
        subject=say("Please confirm: {name}", name=name),
        title=say("Do you want this newsletter?"),
        lines=(
            say(
                "Somebody, hopefully you, asked {name} to mail new papers to {address}.",
                name=name,
                address=notice.address,
            ),
            say("Nothing is sent before you agree. The link works once, within 48 hours."),
        ),
        label=say("Yes, I want it"),
        url=str(notice.facts["url"]),
        closing=say("It was not you? Then do nothing: you get no further mail, and the request is deleted."),
        sent_by=_sent_by(templates),
    )


def _preferences(notice: Notice, spoken: Words, templates: Templates) -> Letter:
    """Facts: `url` of the reader's preferences."""
    say = spoken.say
    return Letter(
        subject=say("Your preferences: {name}", name=templates.mailer),
        title=say("Your preferences"),
        lines=(
            say("You asked to see or change what {name} mails you.", name=templates.mailer),
            say("The link works for 30 minutes. Whoever has it can change your topics: do not forward this mail."),
        ),
        label=say("Open my preferences"),
        url=str(notice.facts["url"]),
        closing=say("It was not you? Then do nothing: nothing changes."),
        sent_by=_sent_by(templates),
    )


def _alert(notice: Notice, _: Words, templates: Templates) -> Letter:
    """Facts: `subject`, a sentence that names the newsletter, and `lines`, what else the operator should know."""
    subject = str(notice.facts["subject"])
    return Letter(
        subject=subject,
        title=subject,
        lines=tuple(map(str, notice.facts["lines"])),
        sent_by=_sent_by(templates),
    )


def _test(_: Notice, __: Words, templates: Templates) -> Letter:
    return Letter(
        subject=f"{templates.mailer}: a test",
        title="Mail arrives",
        lines=(
            "This is the test that you asked for: your newsletter can send mail.",
            "Look at its headers: SPF, DKIM and DMARC should say pass.",
        ),
        sent_by=_sent_by(templates),
    )


def _sent_by(templates: Templates) -> str:
    return " · ".join(filter(None, (templates.mailer, templates.operator, templates.postal_address)))


_LETTERS: dict[NoticeKind, Callable[[Notice, Words, Templates], Letter]] = {
    NoticeKind.CONFIRM: _confirm,
    NoticeKind.PREFERENCES: _preferences,
    NoticeKind.ALERT: _alert,
    NoticeKind.TEST: _test,
}
