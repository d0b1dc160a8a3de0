"""The errors people see. Each message is one sentence that says what is wrong, where, and what to do next.

NewsletterError            exit 1   something failed; the message says which
├── InputError             exit 2   bad usage or input: names file, line or key
│   ├── SettingsError               newsletter.toml, environment or a secret
│   ├── TopicsError                 a topics file
│   └── ListingError                a mailing file
├── StoreError             exit 1   the database: read-only, full, of a newer version
├── DeliveryStopped        exit 1   the backend refuses everything (credentials, a breaker)
└── NotReady               exit 75  the mailing is not there yet: try again later (EX_TEMPFAIL, sysexits.h)
"""


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


class DeliveryStopped(NewsletterError):
    """No further send may be tried in this run."""


class NotReady(NewsletterError):
    """The mailing is not there yet; nothing is wrong."""

    exit_code = 75
