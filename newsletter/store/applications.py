"""Applications: who asked to join by the web and has not confirmed yet. They hold nothing of anybody after a week."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.models.sends import NoticeKind
from newsletter.store.database import Database
from newsletter.store.notices import Notices
from newsletter.store.suppressions import Suppressions

KEPT = timedelta(days=7)  # what was asked is forgotten then; the caps look back a day


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody asked for; `token_hash` is the SHA-256 of the token that their confirmation mail carries."""

    token_hash: str
    slug: str
    address: str
    file: str
    network: str
    wording: str
    asked_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """An application that may be confirmed, or was."""

    slug: str
    file: str
    wording: str
    network: str
    asked_at: datetime
    is_used: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many asked lately: for one address, from one network, in all."""

    address: int
    network: int
    total: int


class Applications:
    def __init__(self, database: Database, suppressions: Suppressions, notices: Notices) -> None:
        self._database = database
        self._suppressions = suppressions
        self._notices = notices

    def counts(self, address: str, network: str, since: datetime) -> Counts:
        """How many applications there were since a moment."""
        row = self._database.row(
            """
            SELECT coalesce(sum(address_hash = :address), 0) AS address,
                coalesce(sum(network = :network), 0) AS network, count(*) AS total
            FROM applications WHERE asked_at >= :since
            """,
            {"address": self._suppressions.hash(address), "network": network, "since": since.isoformat()},
        )
        assert row is not None, "an aggregate has one row"
        return Counts(**row)

    def ask(self, application: Application, notice_id: str, language: str, url: str) -> None:
        """Keeps an application together with the notice that asks its address, in one transaction."""
        self._keep(application, notice_id, {"url": url, "language": language})

    def ignore(self, application: Application) -> None:
        """Counts an application that is not asked about: nothing of it is kept but the hash of its address."""
        self._keep(application, None, {})

    def find(self, token_hash: str, now: datetime) -> Pending | None:
        """The application of a token that has not expired; None where there is none."""
        row = self._database.row(
            "SELECT * FROM applications WHERE token_hash = ? AND expires_at > ?", [token_hash, now.isoformat()]
        )
        if row is None:
            return None
        return Pending(
            slug=row["slug"],
            file=row["file"],
            wording=row["wording"],
            network=row["network"],
            asked_at=datetime.fromisoformat(row["asked_at"]),
            is_used=row["used_at"] is not None,
        )

    def use(self, token_hash: str, now: datetime) -> None:
        """Records that an application was confirmed; what it held lies in the topics file now."""
        with self._database.writing() as db:
            db.conn.execute(
                "UPDATE applications SET used_at = coalesce(used_at, ?), file = '' WHERE token_hash = ?",
                [now.isoformat(), token_hash],
            )

    def _keep(self, application: Application, notice_id: str | None, facts: dict[str, str]) -> None:
        asked = notice_id is not None
        with self._database.writing() as db:
            db.conn.execute("DELETE FROM applications WHERE asked_at < ?", [(application.asked_at - KEPT).isoformat()])
            db.table("applications").insert(
                {
                    "token_hash": application.token_hash if asked else None,
                    "address_hash": self._suppressions.hash(application.address),
                    "network": application.network,
                    "slug": application.slug if asked else "",
                    "file": application.file if asked else "",
                    "wording": application.wording,
                    "asked_at": application.asked_at.isoformat(),
                    "expires_at": application.expires_at.isoformat(),
                }
            )
            if notice_id is not None:
                self._notices.add_within(
                    db, notice_id, NoticeKind.CONFIRM, application.address, application.asked_at, facts=facts
                )
