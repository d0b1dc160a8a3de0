"""Everything kept, in one SQLite file: one file of this folder per noun."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from newsletter.store.database import Database
from newsletter.store.editions import Editions
from newsletter.store.mailings import Mailings
from newsletter.store.papers import Papers
from newsletter.store.sends import Sends
from newsletter.store.subscribers import Subscribers


class Store:
    """The database of one home. Safe to use from several threads; each gets its own connection."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.papers = Papers(database)
        self.mailings = Mailings(database, self.papers)
        self.subscribers = Subscribers(database)
        self.editions = Editions(database, self.papers)
        self.sends = Sends(database)

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["Store"]:
        """Opens, creates or migrates the database at `path`. Raises StoreError where that cannot be done."""
        database = Database(path)
        try:
            yield cls(database)
        finally:
            database.close()
