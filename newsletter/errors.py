"""The errors people see. Each message is one sentence that says what is wrong, where, and what to do next.

NewsletterError            exit 1   something failed; the message says which
├── InputError             exit 2   bad usage or input: names file, line or key
│   ├── SettingsError               newsletter.toml, environment or a secret
│   ├── TopicsError                 a topics file
│   └── ListingError                a mailing file
├── StoreError             exit 1   the database: read-only, full, of a newer version
├── SourceError            exit 75  a source did not answer as it should: try again
│   ├── Unreachable                 no answer, or we are asked to wait until `retry_at`
│   └── Malformed                   the answer is not what this door gives
├── Busy                   exit 1   another run has this home
├── DeliveryStopped        exit 1   the backend refuses everything (credentials, a breaker)
└── NotReady               exit 75  the mailing is not there yet: try again later (EX_TEMPFAIL, sysexits.h)
    └── Stopped                     a signal asked to stop: what is left waits for the next run
"""

from datetime import datetime


class NewsletterError(Exception):
    """Something failed; the message is meant for the operator."""

    exit_code = 1


class InputError(NewsletterError):
    """Bad usage or input."""

    exit_code = 2


class SettingsError(InputError):
    """A wrong or missing setting or secret."""


class TopicsError(InputError):
    """A topics file that cannot be read as one."""


class ListingError(InputError):
    """A mailing file that cannot be read as one."""


class StoreError(NewsletterError):
    """The database cannot be opened, read or written."""


class SourceError(NewsletterError):
    """A source did not answer as it should; trying again later may help."""

    exit_code = 75


class Unreachable(SourceError):
    """No answer, or a refusal. Before `retry_at` asking again is pointless; `offline`: not even a connection."""

    def __init__(self, message: str, retry_at: datetime | None = None, *, offline: bool = False) -> None:
        super().__init__(message)
        self.retry_at = retry_at
        self.offline = offline


class Malformed(SourceError):
    """An answer that is not what its door gives: an HTML page, half a document, a wrong count."""


class Busy(NewsletterError):
    """Another run is under way in this home."""


class DeliveryStopped(NewsletterError):
    """No further send may be tried in this run."""


class NotReady(NewsletterError):
    """The mailing is not there yet; nothing is wrong."""

    exit_code = 75


class Stopped(NotReady):
    """A signal asked to stop: what was bought is kept, what is left waits for the next run."""
