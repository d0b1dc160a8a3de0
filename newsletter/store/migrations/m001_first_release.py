"""The tables of the first release."""

from sqlite_utils import Database

_TABLES = """
-- A paper version. Title and abstract never change once stored, so scores may refer to the integer key.
CREATE TABLE papers (
    key INTEGER PRIMARY KEY,
    source TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
    title TEXT NOT NULL, authors TEXT NOT NULL, abstract TEXT NOT NULL,
    shown_title TEXT NOT NULL, shown_authors TEXT NOT NULL, shown_abstract TEXT NOT NULL,
    categories TEXT NOT NULL, primary_category TEXT NOT NULL,
    comment TEXT NOT NULL, doi TEXT NOT NULL, journal_ref TEXT NOT NULL, submitted_at TEXT,
    UNIQUE (source, id, version)
);

CREATE TABLE mailings (
    key INTEGER PRIMARY KEY,
    source TEXT NOT NULL, date TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('complete', 'partial', 'empty')),
    note TEXT NOT NULL DEFAULT '', fetched_at TEXT NOT NULL,
    UNIQUE (source, date)
);
CREATE TABLE announcements (
    mailing_key INTEGER NOT NULL REFERENCES mailings (key),
    paper_key INTEGER NOT NULL REFERENCES papers (key),
    type TEXT NOT NULL CHECK (type IN ('new', 'cross', 'replace', 'old-cross')),
    categories TEXT NOT NULL, added_at TEXT NOT NULL,
    PRIMARY KEY (mailing_key, paper_key)
) WITHOUT ROWID;

-- One row for equal topics, whoever wrote them.
CREATE TABLE topics (key INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, body TEXT NOT NULL);

-- Wishes live in the topics file; `wishes` is the last good reading of it, valid while time and size agree.
CREATE TABLE subscribers (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE, email TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'unsubscribed', 'removed')),
    status_reason TEXT NOT NULL DEFAULT '', status_at TEXT NOT NULL, paused_until TEXT,
    topics_key INTEGER REFERENCES topics (key),
    wishes TEXT NOT NULL DEFAULT '{}', file_time INTEGER, file_size INTEGER,
    created_at TEXT NOT NULL
);
CREATE TABLE consents (
    id INTEGER PRIMARY KEY,
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id),
    address TEXT NOT NULL, at TEXT NOT NULL, source TEXT NOT NULL, wording TEXT NOT NULL DEFAULT '',
    ip TEXT NOT NULL DEFAULT '', confirmed_at TEXT
);
CREATE INDEX consents_of ON consents (subscriber_id, address);

-- After an erasure only `address_hash` stays: a keyed hash that still suppresses.
CREATE TABLE suppressions (
    address_hash TEXT PRIMARY KEY, address TEXT,
    reason TEXT NOT NULL, source TEXT NOT NULL, at TEXT NOT NULL
);

-- A recipe is what a score depends on beside paper and topics.
CREATE TABLE recipes (
    key INTEGER PRIMARY KEY,
    model TEXT NOT NULL, effort TEXT NOT NULL, prompt_version TEXT NOT NULL, schema_version TEXT NOT NULL,
    UNIQUE (model, effort, prompt_version, schema_version)
);
CREATE TABLE scores (
    topics_key INTEGER NOT NULL REFERENCES topics (key),
    recipe_key INTEGER NOT NULL REFERENCES recipes (key),
    paper_key INTEGER NOT NULL REFERENCES papers (key),
    relevance INTEGER NOT NULL CHECK (relevance BETWEEN 1 AND 10),
    topic INTEGER NOT NULL DEFAULT 0, charge_id INTEGER REFERENCES charges (id),
    PRIMARY KEY (topics_key, recipe_key, paper_key)
) WITHOUT ROWID;
CREATE TABLE novelties (
    recipe_key INTEGER NOT NULL REFERENCES recipes (key),
    paper_key INTEGER NOT NULL REFERENCES papers (key),
    novelty INTEGER NOT NULL CHECK (novelty BETWEEN 1 AND 10),
    charge_id INTEGER REFERENCES charges (id),
    PRIMARY KEY (recipe_key, paper_key)
) WITHOUT ROWID;
CREATE TABLE comments (
    topics_key INTEGER NOT NULL REFERENCES topics (key),
    recipe_key INTEGER NOT NULL REFERENCES recipes (key),
    paper_key INTEGER NOT NULL REFERENCES papers (key),
    language TEXT NOT NULL, comment TEXT NOT NULL, evidence TEXT NOT NULL, summary TEXT NOT NULL,
    charge_id INTEGER REFERENCES charges (id),
    PRIMARY KEY (topics_key, recipe_key, paper_key, language)
) WITHOUT ROWID;

-- Papers that are shown to the model together, the same for every subscriber.
CREATE TABLE blocks (
    key INTEGER PRIMARY KEY,
    mailing_key INTEGER NOT NULL REFERENCES mailings (key), position INTEGER NOT NULL, papers TEXT NOT NULL,
    UNIQUE (mailing_key, position)
);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    command TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT, outcome TEXT NOT NULL DEFAULT ''
);

-- Tokens and money of one model call; no subscriber means shared. Append-only.
CREATE TABLE charges (
    id INTEGER PRIMARY KEY,
    run_id INTEGER REFERENCES runs (id), subscriber_id INTEGER REFERENCES subscribers (id),
    mailing_date TEXT, at TEXT NOT NULL, stage TEXT NOT NULL, block_key INTEGER REFERENCES blocks (key),
    model TEXT NOT NULL, tier TEXT NOT NULL, request_id TEXT NOT NULL DEFAULT '',
    prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
    prices TEXT NOT NULL, picodollars INTEGER NOT NULL, estimated_picodollars INTEGER NOT NULL,
    finish_reason TEXT NOT NULL, items_in INTEGER NOT NULL, items_out INTEGER NOT NULL,
    retries INTEGER NOT NULL, latency_ms INTEGER NOT NULL
);
CREATE INDEX charges_of ON charges (subscriber_id, at);
CREATE INDEX charges_on ON charges (at);

-- A shared charge, cut among its subscribers by largest remainder: the parts sum to the charge exactly.
CREATE TABLE shares (
    charge_id INTEGER NOT NULL REFERENCES charges (id),
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id),
    picodollars INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    PRIMARY KEY (charge_id, subscriber_id)
) WITHOUT ROWID;
CREATE INDEX shares_of ON shares (subscriber_id);

-- The worst case of a call under way; settled or gone when the call is over.
CREATE TABLE reservations (
    id INTEGER PRIMARY KEY,
    run_id INTEGER REFERENCES runs (id), subscriber_id INTEGER REFERENCES subscribers (id),
    picodollars INTEGER NOT NULL, at TEXT NOT NULL
);

-- An edition keeps ids and scores; `facts` is a JSON object of what is said once (totals, usage, cost, fault ...).
CREATE TABLE editions (
    id INTEGER PRIMARY KEY,
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id),
    date TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('digest', 'welcome')),
    cadence TEXT NOT NULL, status TEXT NOT NULL, topics_key INTEGER REFERENCES topics (key),
    facts TEXT NOT NULL, frozen_at TEXT NOT NULL,
    UNIQUE (subscriber_id, date, kind)
);
CREATE TABLE edition_papers (
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id),
    paper_key INTEGER NOT NULL REFERENCES papers (key),
    edition_id INTEGER NOT NULL REFERENCES editions (id),
    section TEXT NOT NULL CHECK (section IN ('listed', 'near_miss', 'not_scored')), position INTEGER NOT NULL,
    relevance INTEGER, novelty INTEGER, local REAL NOT NULL DEFAULT 0, topic TEXT NOT NULL DEFAULT '',
    comment TEXT NOT NULL DEFAULT '', evidence TEXT NOT NULL DEFAULT '', summary TEXT NOT NULL DEFAULT '',
    followed TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (subscriber_id, paper_key, edition_id)
) WITHOUT ROWID;
CREATE INDEX edition_papers_of ON edition_papers (edition_id, section, position);

-- Delivery of one edition over all its attempts. `message` is the frozen .eml, zlib-compressed.
CREATE TABLE sends (
    id TEXT PRIMARY KEY,
    edition_id INTEGER NOT NULL UNIQUE REFERENCES editions (id),
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id), address TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ready', 'claimed', 'submitting', 'accepted', 'delivered', 'bounced',
        'complained', 'retry_at', 'failed', 'skipped', 'expired', 'ambiguous')),
    detail TEXT NOT NULL DEFAULT '', backend TEXT NOT NULL DEFAULT '', provider_id TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '', lease_until TEXT, retry_at TEXT,
    message BLOB, created_at TEXT NOT NULL, changed_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sends_in ON sends (state, retry_at);
CREATE INDEX sends_of ON sends (subscriber_id);
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    send_id TEXT NOT NULL REFERENCES sends (id), backend TEXT NOT NULL,
    started_at TEXT NOT NULL, finished_at TEXT, outcome TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX attempts_of ON attempts (send_id);

-- What backends report later; unmatched ones are kept, for they may be faster than our own commit.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    backend TEXT NOT NULL, event_id TEXT NOT NULL, send_id TEXT REFERENCES sends (id), address TEXT NOT NULL,
    type TEXT NOT NULL, at TEXT NOT NULL, received_at TEXT NOT NULL, raw TEXT NOT NULL,
    UNIQUE (backend, event_id)
);
CREATE INDEX events_of ON events (send_id);
CREATE INDEX events_to ON events (address);

CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


def m001_initial(db: Database) -> None:
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)


def m002_fetched_mailings(db: Database) -> None:
    """What a source knows of a mailing beyond its papers; `covered` is empty for one from a file."""
    db.conn.execute("ALTER TABLE mailings ADD COLUMN mark TEXT NOT NULL DEFAULT ''")
    db.conn.execute("ALTER TABLE mailings ADD COLUMN covered TEXT NOT NULL DEFAULT '[]'")
    db.conn.execute("ALTER TABLE mailings ADD COLUMN early INTEGER NOT NULL DEFAULT 0")


def m003_accounts(db: Database) -> None:
    """How often a score was read, a block's fence, and each account's part of prompt and completion."""
    for change in (
        "ALTER TABLE scores ADD COLUMN readings INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE blocks ADD COLUMN nonce TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE charges ADD COLUMN completion_picodollars INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE shares ADD COLUMN completion_picodollars INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX charges_at_block ON charges (block_key, at)",
        # What each subscriber pays of each call: all of an own one, a share of a shared one.
        """
        CREATE VIEW accounts AS
        SELECT id AS charge_id, subscriber_id, picodollars, completion_picodollars, prompt_tokens, cached_tokens,
            completion_tokens FROM charges WHERE subscriber_id IS NOT NULL
        UNION ALL
        SELECT charge_id, subscriber_id, picodollars, completion_picodollars, prompt_tokens, cached_tokens,
            completion_tokens FROM shares
        """,
    ):
        db.conn.execute(change)


_DELIVERY = """
ALTER TABLE sends ADD COLUMN ready_at TEXT; -- when a person asked to send it again: from then on it grows stale
ALTER TABLE events ADD COLUMN detail TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX events_once ON events (send_id, type, at);
CREATE INDEX sends_next ON sends (state, created_at, edition_id);
CREATE INDEX sends_to ON sends (address, created_at);
CREATE INDEX sends_changed ON sends (changed_at);
INSERT INTO facts (name, value) VALUES ('suppression_key', lower(hex(randomblob(32))));
"""


def m004_delivery(db: Database) -> None:
    for statement in _DELIVERY.split("\n"):
        if statement.strip():
            db.conn.execute(statement)


def m005_papers_in_their_mailing(db: Database) -> None:
    """What an edition says of a paper beside its score: its mailing's date, and its rank as a share in percent."""
    db.conn.execute("ALTER TABLE edition_papers ADD COLUMN mailing_date TEXT")
    db.conn.execute("ALTER TABLE edition_papers ADD COLUMN top INTEGER")
