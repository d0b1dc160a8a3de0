"""Maps a function over a lazy iterator in a few threads, or pure pieces of work over any executor."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait as wait_for
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
ExecutorKind = Literal["serial", "threads", "processes"]
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


class SerialExecutor(Executor):
    """Does each piece in the calling thread, at the moment it is submitted."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done = Future[T]()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future has what its work raised
            done.set_exception(error)
        return done


def executor(kind: ExecutorKind, workers: int, modules: Sequence[str] = ()) -> AbstractContextManager[Executor]:
    """An executor of this machine for pieces, closed at the end of its context.

    Processes are forked from a server that is without threads and has imported `modules`, so that they start at once
    and share their memory. They leave SIGINT to their parent and end with it, however it ends.
    """
    match kind:
        case "serial":
            return SerialExecutor()
        case "threads":
            return ThreadPoolExecutor(workers)
        case "processes":
            server = multiprocessing.get_context("forkserver")
            server.set_forkserver_preload([__name__, *modules])
            return ProcessPoolExecutor(workers, mp_context=server, initializer=_follow_parent)


def _follow_parent() -> None:
    """Ends this process as soon as its parent is gone: workers of a pool wait for work even after a kill -9 of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"

    def follow() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def run_pieces(
    pieces: Iterable[Piece[T]],
    executor: Executor,
    ahead: int,
    lost: tuple[type[Exception], ...] = (BrokenExecutor,),
) -> Iterator[T]:
    """The results of all pieces in any order; at most `ahead` of them are under way. What a piece raises is raised.

    `lost` are errors that say the worker is gone, as when the system killed it: its piece is then computed here.
    """
    waiting = iter(pieces)
    under_way: dict[Future[T], Piece[T]] = {}

    def here(piece: Piece[T]) -> Future[T]:
        return SerialExecutor().submit(piece.work, *piece.values)

    def submit(count: int) -> None:
        for piece in islice(waiting, count):
            try:
                future = executor.submit(piece.work, *piece.values)
            except lost:
                future = here(piece)
            under_way[future] = piece

    submit(ahead)
    while under_way:
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        finished = [(future, under_way.pop(future)) for future in done]
        submit(len(done))
        for future, piece in finished:
            yield (here(piece) if isinstance(future.exception(), lost) else future).result()
