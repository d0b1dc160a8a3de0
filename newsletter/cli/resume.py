"""`newsletter resume`: lets mail go out again after sending paused by itself."""

from newsletter import app
from newsletter.cli import show
from newsletter.delivery.breakers import OPEN, RESUMED_AT


def resume() -> None:
    """Let mail go out again after sending paused by itself; says why it had.

    Examples:

        newsletter resume
    """
    with app.open_store(app.home_settings()) as store:
        reason = store.facts.get(OPEN)
        if not reason:
            show.say("sending was not paused")
            return
        store.facts.set(RESUMED_AT, app.now().isoformat())
        store.facts.set(OPEN, "")
    show.say(f"resumed: {reason.partition(';')[0]}; the next run sends what is ready")
