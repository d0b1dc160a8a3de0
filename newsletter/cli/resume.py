"""`newsletter resume`: lets mail go out again after sending paused by itself."""

from newsletter.breakers import OPEN, RESUMED_AT
from newsletter.cli import show, wiring


def resume() -> None:
    """Let mail go out again after sending paused by itself; says why it had.

    Examples:

        newsletter resume
    """
    with wiring.open_store(wiring.home_settings()) as store:
        reason = store.facts.get(OPEN)
        if not reason:
            show.say("sending was not paused")
            return
        store.facts.set(RESUMED_AT, wiring.now().isoformat())
        store.facts.set(OPEN, "")
    show.say(f"resumed: {reason.partition(';')[0]}; the next run sends what is ready")
