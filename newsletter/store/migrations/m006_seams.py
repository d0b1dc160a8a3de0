"""Marks, notices, hours, and reasons and faults as facts: what feedback, service mail and delivery hours build on."""

from sqlite_utils import Database

_CHANGES = """
CREATE TABLE marks (
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id),
    paper_key INTEGER NOT NULL REFERENCES papers (key),
    mark TEXT NOT NULL CHECK (mark IN ('more', 'less', 'saved')),
    at TEXT NOT NULL, via TEXT NOT NULL,
    PRIMARY KEY (subscriber_id, paper_key, mark)
) WITHOUT ROWID;
CREATE TABLE notices (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('confirm', 'preferences', 'alert', 'test')),
    subscriber_id INTEGER REFERENCES subscribers (id), address TEXT NOT NULL,
    facts TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL CHECK (state IN ('ready', 'claimed', 'submitting', 'accepted', 'delivered', 'bounced',
        'complained', 'retry_at', 'failed', 'skipped', 'expired', 'ambiguous')),
    detail TEXT NOT NULL DEFAULT '', backend TEXT NOT NULL DEFAULT '', provider_id TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '', lease_until TEXT, retry_at TEXT,
    message BLOB, created_at TEXT NOT NULL, changed_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX notices_in ON notices (state, retry_at);
CREATE INDEX notices_to ON notices (address, created_at);
ALTER TABLE sends ADD COLUMN not_before TEXT;
ALTER TABLE edition_papers ADD COLUMN reason TEXT;
UPDATE editions SET facts = json_set(facts,
    '$.fault', CASE coalesce(json_extract(facts, '$.fault'), '') WHEN '' THEN NULL ELSE json('{"code": "unknown"}') END,
    '$.economies', (
        SELECT json_group_array(json('{"code": "unknown"}')) FROM json_each(editions.facts, '$.economies')));
"""
# SQLite changes a CHECK only by a new table (https://www.sqlite.org/lang_altertable.html §7).
_WIDER = {
    "editions": ("kind IN ('digest', 'welcome')", "kind IN ('digest', 'welcome', 'empty')"),
    "subscribers": (
        "status IN ('active', 'paused', 'unsubscribed', 'removed')",
        "status IN ('pending', 'active', 'paused', 'unsubscribed', 'removed')",
    ),
}


def m006_seams(db: Database) -> None:
    for statement in _CHANGES.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)
    db.conn.execute("PRAGMA writable_schema=ON")
    for table, (narrow, wide) in _WIDER.items():
        db.conn.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?", [narrow, wide, table])
    db.conn.execute("PRAGMA writable_schema=RESET")
