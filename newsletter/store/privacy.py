"""Privacy: all that is on record of one person, for them to read, and its erasure.

An erasure keeps sends, states and charges, whose numbers must still add up, under a name that says nothing; the
address stays only as a keyed hash, so that it is never mailed again.
"""

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlite_utils import Database as Connection

from newsletter.store.database import Database
from newsletter.store.suppressions import Suppressions

# Topics that somebody else uses or used; all others are this person's, or old readings that belong to nobody.
_OTHERS_TOPICS = """
    SELECT topics_key FROM subscribers WHERE id != :id AND topics_key IS NOT NULL
    UNION SELECT topics_key FROM editions WHERE subscriber_id != :id AND topics_key IS NOT NULL
"""
_BLANKED = (
    "UPDATE sends SET address = '', message = NULL, detail = '' WHERE subscriber_id = :id",
    "UPDATE attempts SET detail = '' WHERE send_id IN (SELECT id FROM sends WHERE subscriber_id = :id)",
    (
        "UPDATE edition_papers SET topic = '', comment = '', evidence = '', summary = '', followed = '[]', "
        "reason = NULL WHERE subscriber_id = :id"
    ),
    (
        "UPDATE editions SET facts = json_set(facts, '$.subscriber', :name, '$.topics', json('[]'), "
        "'$.categories', json('[]')) WHERE subscriber_id = :id"
    ),
    "DELETE FROM marks WHERE subscriber_id = :id",
    "DELETE FROM read_days WHERE subscriber_id = :id",
    "DELETE FROM forgotten WHERE subscriber_id = :id",
    "DELETE FROM vectors WHERE kind = 'topics'",  # nobody's by name; those of others are made again
    "DELETE FROM notices WHERE subscriber_id = :id",
    "DELETE FROM former_files WHERE subscriber_id = :id",
    "UPDATE consents SET address = '', ip = '' WHERE subscriber_id = :id",
    f"DELETE FROM comments WHERE topics_key NOT IN ({_OTHERS_TOPICS})",  # noqa: S608 - a constant of ours
    f"UPDATE topics SET body = '', hash = 'erased-' || key WHERE key NOT IN ({_OTHERS_TOPICS})",  # noqa: S608
    (
        "UPDATE subscribers SET slug = :name, email = '', status = 'removed', status_reason = 'erased', "
        "status_at = :now, wishes = '{}', topics_key = NULL, file_time = NULL, file_size = NULL, paused_until = NULL "
        "WHERE id = :id"
    ),
)


# The sentences that are kept for the operator and may name people: what selects them, what keeps them.
_SENTENCES = (
    (
        "SELECT name AS id, value AS said FROM facts WHERE name IN ('breaker', 'held_providers')",
        "UPDATE facts SET value = ? WHERE name = ?",
    ),
    ("SELECT id, detail AS said FROM incidents", "UPDATE incidents SET detail = ? WHERE id = ?"),
)
_UNFINISHED = "erasure_unfinished"  # the name of a fact


class Privacy:
    def __init__(self, database: Database, suppressions: Suppressions) -> None:
        self._database = database
        self._suppressions = suppressions

    def record(self, subscriber_id: int) -> dict[str, Any]:
        """All that is on record of a subscriber, as JSON has it."""
        one = self._database.row(
            """
            SELECT slug, email, status, status_reason, status_at, paused_until, created_at, body AS topics, wishes
            FROM subscribers LEFT JOIN topics ON topics.key = topics_key WHERE id = ?
            """,
            [subscriber_id],
        )
        assert one is not None, "the caller looked it up"
        found = self._suppressions.find(one["email"])
        return one | {
            "suppressed": found.reason if found else "",
            "consents": self._rows(
                "SELECT address, at, source, wording, ip, confirmed_at FROM consents WHERE subscriber_id = ?",
                subscriber_id,
            ),
            "sends": self._rows(
                "SELECT sends.id, date, kind, address, state, detail, backend, created_at, changed_at "
                "FROM sends JOIN editions ON editions.id = edition_id WHERE sends.subscriber_id = ?",
                subscriber_id,
            ),
            "events": self._rows(
                "SELECT events.type, events.at, events.address, events.detail FROM events "
                "JOIN sends ON sends.id = send_id WHERE subscriber_id = ?",
                subscriber_id,
            ),
            "editions": self._rows(
                "SELECT date, kind, status, frozen_at FROM editions WHERE subscriber_id = ?", subscriber_id
            ),
            "marks": self._rows(
                "SELECT papers.id AS paper, title, mark, at, via FROM marks JOIN papers ON papers.key = paper_key "
                "WHERE subscriber_id = ?",
                subscriber_id,
            ),
            "read_days": self._rows(
                "SELECT date, read, skipped, sampled, found, found_sampled FROM read_days WHERE subscriber_id = ?",
                subscriber_id,
            ),
            "former_files": self._rows("SELECT at, file FROM former_files WHERE subscriber_id = ?", subscriber_id),
        }

    def erase(self, subscriber_id: int, now: datetime, *, patience: float = 10.0) -> bool:
        """Erases a person, in one transaction; their addresses stay suppressed by hash alone.

        False where it is not complete: somebody who reads the database did not end within `patience` seconds, and the
        file still holds what is no longer in it. Whoever opens the database next completes that.
        """
        name = f"erased-{subscriber_id}"
        values = {"id": subscriber_id, "name": name, "now": now.isoformat()}
        with self._database.writing() as db:
            slug = next(db.query("SELECT slug FROM subscribers WHERE id = ?", [subscriber_id]))["slug"]
            db.conn.execute("PRAGMA secure_delete = ON")
            addresses = {
                row["address"]
                for row in db.query(
                    "SELECT email AS address FROM subscribers WHERE id = :id UNION SELECT address FROM sends WHERE "
                    "subscriber_id = :id UNION SELECT address FROM consents WHERE subscriber_id = :id",
                    values,
                )
                if row["address"]
            }
            for address in addresses:
                self._suppressions.add_within(db, address, "erased", "erasure", now)
                db.conn.execute(
                    "UPDATE suppressions SET address = NULL WHERE address_hash = ?", [self._suppressions.hash(address)]
                )
                db.conn.execute(
                    "UPDATE events SET address = '', detail = '', raw = '{}' WHERE address = ? COLLATE NOCASE "
                    "OR send_id IN (SELECT id FROM sends WHERE subscriber_id = ?)",
                    [address, subscriber_id],
                )
            for statement in _BLANKED:
                db.conn.execute(statement, values)
            _cut_out(db, addresses, slug, name)
            db.conn.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", [_UNFINISHED, now.isoformat()])
        return self.finish(patience)

    def finish(self, patience: float = 10.0) -> bool:
        """Overwrites what erasures removed, where that is still to be done; False as `erase`."""
        if not self._database.row("SELECT 1 FROM facts WHERE name = ?", [_UNFINISHED]):
            return True
        if not self._database.truncate_log(patience):
            return False
        with self._database.writing() as db:
            db.conn.execute("DELETE FROM facts WHERE name = ?", [_UNFINISHED])
        return True

    def _rows(self, sql: str, subscriber_id: int) -> list[dict[str, Any]]:
        return self._database.rows(f"{sql} ORDER BY 1", [subscriber_id])


def _cut_out(db: Connection, addresses: Collection[str], slug: str, name: str) -> None:
    """Takes a person's addresses, and a slug that is more than a number, out of the sentences."""
    words = {address.casefold(): "(erased)" for address in addresses} | ({} if slug.isdigit() else {slug: name})
    if not words:
        return
    whole = "|".join(re.escape(word) + (r"(?!\.\w)" if "@" in word else "") for word in words)
    pattern = re.compile(rf"(?<![\w.+@-])({whole})(?![\w@-])", re.IGNORECASE)
    for chosen, kept in _SENTENCES:
        for row in list(db.query(chosen)):
            said = pattern.sub(lambda found: words[found[0].casefold()], row["said"])
            if said != row["said"]:
                db.conn.execute(kept, [said, row["id"]])
