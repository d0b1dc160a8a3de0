"""Maps a function over a lazy iterator in a few threads, or pure pieces of work over any executor."""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
ExecutorKind = Literal["serial", "processes"]
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


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Shared(Generic[T]):
    """A large value of many pieces, which an executor gives to each of its workers once; the work gets the value."""

    value: T


class OnceEach(Generic[T]):
    """What an executor makes of shared values: of each once, kept while the value is in use. Threads may share it."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[Shared[Any], T] = WeakKeyDictionary()
        self._making = threading.Lock()

    def __call__(self, shared: Shared[Any]) -> T:
        with self._making:
            if shared not in self._made:
                self._made[shared] = self._make(shared.value)
            return self._made[shared]


def _here(value: Any) -> Any:
    return value.value if isinstance(value, Shared) else value


class SerialExecutor(Executor):
    """Does each piece in the calling thread, at the moment it is submitted."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done = Future[T]()
        try:
            done.set_result(fn(*map(_here, args), **kwargs))
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
        case "processes":
            server = multiprocessing.get_context("forkserver")
            server.set_forkserver_preload([__name__, *modules])
            return _Processes(workers, mp_context=server, initializer=_follow_parent)


class _Processes(ProcessPoolExecutor):
    """Shared values are written into a folder, from which each process reads them once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._folder = TemporaryDirectory(prefix="newsletter-")
        self._number = count()
        self._file = OnceEach(self._written)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        values = [self._file(value) if isinstance(value, Shared) else value for value in args]
        return super().submit(_with_files, fn, values, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=wait, cancel_futures=cancel_futures)
        self._folder.cleanup()

    def _written(self, value: Any) -> "_File":
        path = Path(self._folder.name) / str(next(self._number))
        path.write_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        return _File(path)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path


def _with_files(fn: Callable[..., T], values: Sequence[Any], kwargs: dict[str, Any]) -> T:
    return fn(*(_read(value.path) if isinstance(value, _File) else value for value in values), **kwargs)


@lru_cache(maxsize=4)
def _read(path: Path) -> Any:
    return pickle.loads(path.read_bytes())  # noqa: S301 - the parent of this process wrote it


def _follow_parent() -> None:
    """Ends this process as soon as its parent is gone: workers of a pool wait for work even after a kill -9 of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"

    def follow() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def compute(piece: Piece[T], executor: Executor) -> T:
    """The result of a piece. What it raises is raised.

    Where the worker is gone (BrokenExecutor), as when the system killed it, the piece is computed here.
    """
    try:
        return executor.submit(piece.work, *piece.values).result()
    except BrokenExecutor:
        return SerialExecutor().submit(piece.work, *piece.values).result()
