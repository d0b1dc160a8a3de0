"""Has messages written by other processes before they are asked for. Calls the executor.

What another process could not write, or lost, is written here when its turn comes, so that whatever is wrong with it is
said in one place.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future

from newsletter.models.sends import Notice, Send

Begin = Callable[[Sequence[Send]], "Future[dict[str, bytes]]"]  # the messages of some sends, by their ids


class Ahead:
    """Writes as `write` does; of sends that were begun the message is had from where it was begun.

    Safe to use from several threads, one message each.
    """

    def __init__(self, write: Callable[[Send | Notice], bytes], start: Begin) -> None:
        self._write, self._start = write, start
        self._begun: dict[str, Future[dict[str, bytes]]] = {}

    def begin(self, sends: Sequence[Send]) -> None:
        """Has the messages of these written, for they are asked for soon. Those tried before have theirs."""
        if first := [send for send in sends if not send.attempts]:
            try:
                writing = self._start(first)
            except BrokenExecutor:
                return
            self._begun.update(dict.fromkeys((send.id for send in first), writing))

    def __call__(self, mail: Send | Notice) -> bytes:
        writing = self._begun.pop(mail.id, None)
        if writing is not None:
            try:
                if found := writing.result().get(mail.id):
                    return found
            except BrokenExecutor:
                pass
        return self._write(mail)
