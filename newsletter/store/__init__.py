"""Everything kept, in one SQLite file: one file of this folder per noun."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from newsletter.store import alone  # noqa: F401 - the first to load sqlite_utils
from newsletter.store.applications import Applications
from newsletter.store.blocks import Blocks
from newsletter.store.charges import Charges
from newsletter.store.database import Database
from newsletter.store.days import Days
from newsletter.store.editions import Editions
from newsletter.store.endpoints import Endpoints
from newsletter.store.events import Events
from newsletter.store.facts import Facts
from newsletter.store.feedback import Feedback
from newsletter.store.former_files import FormerFiles
from newsletter.store.incidents import Incidents
from newsletter.store.mailings import Mailings
from newsletter.store.notices import Notices
from newsletter.store.papers import Papers
from newsletter.store.privacy import Privacy
from newsletter.store.quality import Quality
from newsletter.store.scores import ScoreShelf
from newsletter.store.sends import Sends
from newsletter.store.subscribers import Subscribers
from newsletter.store.suppressions import Suppressions
from newsletter.store.vectors import Vectors


class Store:
    """The database of one home. Safe to use from several threads; each gets its own connection."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.papers = Papers(database)
        self.mailings = Mailings(database, self.papers)
        self.suppressions = Suppressions(database)
        self.subscribers = Subscribers(database, self.suppressions)
        self.editions = Editions(database, self.papers)
        self.sends = Sends(database, self.suppressions)
        self.events = Events(database, self.suppressions)
        self.privacy = Privacy(database, self.suppressions)
        self.facts = Facts(database)
        self.feedback = Feedback(database)
        self.vectors = Vectors(database)
        self.former_files = FormerFiles(database)
        self.notices = Notices(database, self.suppressions)
        self.applications = Applications(database, self.suppressions, self.notices)
        self.blocks = Blocks(database)
        self.days = Days(database)
        self.incidents = Incidents(database)
        self.charges = Charges(database)
        self.endpoints = Endpoints(database)
        self.quality = Quality(database)
        self.scores = ScoreShelf(database, self.charges)

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, follows: bool = False) -> Iterator["Store"]:
        """Opens, creates or migrates the database at `path`. Raises StoreError where that cannot be done.

        One that `follows` goes on with another file that took its place, as when a backup is restored.
        """
        database = Database(path, follows=follows)
        try:
            store = cls(database)
            store.suppressions.adopt_key()
            store.privacy.finish(patience=0)
            yield store
        finally:
            database.close()
