"""Decides what one edition tells its reader, in the reader's language and in which order; calls nothing.

The templates place these values; HTML and plain text say the same.
"""

import sys
from dataclasses import dataclass

from newsletter.models.editions import Edition, Links
from newsletter.rendering import entries, frame
from newsletter.rendering.entries import Entry, Form, Group
from newsletter.rendering.frame import Account, Notice, Sender
from newsletter.rendering.language import Words


@dataclass(frozen=True, slots=True)
class Digest:
    """An edition as it is told. `status` is the line that says how many papers of how many, and read by whom.

    `glance` are the best papers, each with what is new and why, for the first screen; `abstracts` is how many of the
    best papers have theirs in the plain text.
    """

    subject: str
    title: str
    status: str
    notices: tuple[Notice, ...] = ()
    lead: str = ""
    glance: tuple[Entry, ...] = ()
    groups: tuple[Group, ...] = ()
    is_page: bool = False
    near_misses: tuple[Entry, ...] = ()
    near_heading: str = ""
    exploration: Entry | None = None
    exploration_heading: str = ""
    exploration_note: str = ""
    not_scored: tuple[Entry, ...] = ()
    not_scored_hidden: int = 0
    is_shortened: bool = False
    abstracts: int = sys.maxsize
    account: Account | None = None
    totals: str = ""
    footer: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The papers in the order of the page."""
        return tuple(entry for group in self.groups for entry in group.entries)

    @property
    def contents(self) -> tuple[Group, ...]:
        """The papers that the list of contents names, by group: those in full, of a page of several."""
        if not self.is_page or len(self.entries) == 1:
            return ()
        groups = (Group(g.heading, tuple(e for e in g.entries if e.form is Form.FULL)) for g in self.groups)
        return tuple(group for group in groups if group.entries)

    @property
    def abstracts_hidden(self) -> int:
        """How many papers are without their abstract in the plain text, for it would be too long for its HTML."""
        return sum(bool(entry.abstract) and entry.place >= self.abstracts for entry in self.entries)

    @property
    def near_misses_in_html(self) -> tuple[Entry, ...]:
        """In a brief edition the paper to try takes the place of the last; the plain text is complete."""
        return self.near_misses[:-1] if self.exploration and not self.is_page else self.near_misses

    @property
    def in_short(self) -> int:
        """How many papers a page has in short, because they did not fit."""
        return sum(entry.form is not Form.FULL for entry in self.entries)


def digest(edition: Edition, links: Links, words: Words, sender: Sender) -> Digest:
    """What the edition tells."""
    groups = entries.groups(edition, words)
    return Digest(
        subject=frame.subject(edition, words, sender.name),
        title=frame.title(edition, words),
        status=frame.status_line(edition, words),
        notices=frame.notices(edition, links, words),
        lead=frame.lead(edition, words),
        glance=entries.glance(edition, groups, words),
        groups=groups,
        is_page=edition.length == "page",
        near_misses=tuple(entries.entry(item, 0, edition, words, Form.LINE) for item in edition.near_misses),
        near_heading=entries.near_heading(edition, words),
        exploration=entries.entry(edition.exploration, 0, edition, words, Form.LINE) if edition.exploration else None,
        exploration_heading=words.say("Outside your topics") if edition.exploration else "",
        exploration_note=words.say("To try: more like it?") if edition.exploration else "",
        not_scored=tuple(entries.bare(paper) for paper in edition.not_scored),
        account=frame.account(edition, words),
        totals=frame.totals(edition, words),
        footer=frame.footer(edition, words, sender),
    )
