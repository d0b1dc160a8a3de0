"""The tables, as numbered migrations, applied once and in the order of this list. Never edit one: append.

Times are ISO 8601 text in UTC, dates ISO text, lists and objects JSON text, money integers in picodollars.
"""

from collections.abc import Callable

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from newsletter.store.migrations import (
    m001_first_release,
    m006_seams,
    m013_endpoints_and_lost_calls,
    m014_applications,
    m015_incidents,
    m016_hours,
    m017_former_files,
    m018_vectors,
    m019_read_days,
    m021_companions,
    m022_day_at_a_glance,
    m024_sends_by_time,
)

_STEPS: tuple[Callable[[Database], None], ...] = (
    m001_first_release.m001_initial,
    m001_first_release.m002_fetched_mailings,
    m001_first_release.m003_accounts,
    m001_first_release.m004_delivery,
    m001_first_release.m005_papers_in_their_mailing,
    m006_seams.m006_seams,
    m013_endpoints_and_lost_calls.m013_endpoints_and_lost_calls,
    m014_applications.m014_applications,
    m015_incidents.m015_incidents,
    m016_hours.m016_hours,
    m017_former_files.m017_former_files,
    m018_vectors.m018_vectors,
    m019_read_days.m019_read_days,
    m021_companions.m021_companions,
    m022_day_at_a_glance.m022_day_at_a_glance,
    m024_sends_by_time.m024_sends_by_time,
)

migrations = Migrations("newsletter")
for step in _STEPS:
    migrations()(step)
