"""Maps a function over a lazy iterator in a few threads, or pure pieces of work over any executor."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar, cast

S = TypeVar("S")
T = TypeVar("T")
_END = object()


def in_threads(work: Callable[[S], T], items: Iterator[S], count: int, tell: Callable[[int], None]) -> tuple[T, ...]:
    """The results of `work` over `items`, in no order, from `count` threads.

    Items are taken one at a time, as threads become free; `tell` hears how many are done. What `work` raises is raised.
    """
    taking, results = threading.Lock(), list[T]()

    def taker() -> None:
        while True:
            with taking:
                item = next(items, _END)
            if item is _END:
                return
            results.append(work(cast("S", item)))
            tell(len(results))

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(taker) for _ in range(count)]:
            done.result()
    return tuple(results)


@dataclass(frozen=True, slots=True)
class Piece(Generic[T]):
    """A piece of a stage's work: a pure function of a module and its picklable values.

    An executor may run it twice, on this machine or another, so it touches no store, no network and no clock.
    """

    work: Callable[..., T]
    values: tuple[Any, ...] = ()


def run_pieces(pieces: Iterable[Piece[T]], executor: Executor, ahead: int) -> Iterator[T]:
    """The results of all pieces in any order; at most `ahead` of them are under way. What a piece raises is raised."""
    waiting = iter(pieces)
    under_way: set[Future[T]] = {executor.submit(piece.work, *piece.values) for piece in islice(waiting, ahead)}
    while under_way:
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        under_way |= {executor.submit(piece.work, *piece.values) for piece in islice(waiting, len(done))}
        for future in done:
            yield future.result()
