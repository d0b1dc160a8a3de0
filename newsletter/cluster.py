"""Pieces on a Dask cluster, which labs run on SLURM and Kubernetes: pure computations, nothing else, go there.

Dask runs finished tasks of a lost worker again, silently, so only what may be done twice is a task. Importing this
module imports nothing of Dask: `cluster` does.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any, ParamSpec, TypeVar

from newsletter import __version__
from newsletter.errors import SettingsError
from newsletter.threads import OnceEach, Shared

P = ParamSpec("P")
T = TypeVar("T")
CONNECTED_WITHIN = 10  # seconds
LOOKED_AFTER_EVERY = 3  # seconds, whether there are workers


@contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """An executor for pieces on the cluster of a scheduler, and how many of them it computes at a time.

    `address` is such as tcp://scheduler:8786, or tls:// with certificates as Dask's own settings name them. Raises
    SettingsError where nothing is reached there, where there is no worker, and where a worker has other versions.
    """
    try:
        from dask import config  # noqa: PLC0415 - only where there is a cluster
        from distributed import Client  # noqa: PLC0415
    except ImportError:
        raise SettingsError('run.cluster: needs Dask: install it with `pip install "newsletter[cluster]"`') from None
    try:
        client = Client(address, timeout=CONNECTED_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SettingsError(f"run.cluster: {address}: no scheduler answers there: {error}") from None
    with client, config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):  # a day is as large as it is
        _check(client, address)
        pool = client.get_executor(pure=False)
        made = _Cluster(client, pool)
        try:
            with made.watched():
                yield made, sum(client.nthreads().values())
        finally:
            pool.shutdown(wait=False)  # what is not done by now was done here


def _check(client: Any, address: str) -> None:
    """Every worker has our version, and the versions of what the pieces are made of."""
    if not client.nthreads():
        raise SettingsError(
            f"run.cluster: {address}: the scheduler has no worker; start one with `dask worker {address}`"
        )
    try:
        found = client.run(_version)
        client.get_versions(check=True)
    except Exception as error:  # noqa: BLE001 - whatever a worker trips over says that it cannot compute ours
        raise SettingsError(f"run.cluster: {address}: its workers cannot compute this day: {error}") from None
    if strange := {worker: version for worker, version in found.items() if version != __version__}:
        worker, version = min(strange.items())
        raise SettingsError(
            f"run.cluster: {worker} has newsletter {version}, here it is {__version__}; install the same"
        )


def _version() -> str:
    return __version__


class _Cluster(Executor):
    """A shared value is sent once, and copied among the workers; what a lost worker had another one makes, or we do.

    The value is the result of a task that gives it back, not scattered: Dask forgets scattered data with the worker
    that had it, and goes on for ever to copy it to one that was lost meanwhile.
    """

    def __init__(self, client: Any, pool: Any) -> None:
        self._client, self._pool = client, pool
        self._sent = OnceEach(lambda value: client.submit(_itself, value, pure=False))
        self._ending = Lock()
        self._waited_for: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        try:
            values = [self._sent(value) if isinstance(value, Shared) else value for value in args]
            task = self._pool.submit(fn, *values, **kwargs)
        except Exception as error:  # a scheduler that is gone raises whatever its connection does
            raise BrokenExecutor(f"the cluster takes no piece: {error}") from error
        result = Future[T]()
        with self._ending:
            self._waited_for.add(result)
        task.add_done_callback(lambda done: self._hand_over(done, result))
        return result

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Gives up what is waited for once no worker is left: Dask would wait until one comes."""
        ended = Event()

        def watch() -> None:
            while not ended.wait(LOOKED_AFTER_EVERY):
                if not self._workers():
                    with self._ending:
                        lost = tuple(self._waited_for)
                    for result in lost:
                        self._end(result, BrokenExecutor("the cluster has no worker any more"))

        watching = Thread(target=watch, daemon=True)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()

    def _workers(self) -> int:
        try:
            return len(self._client.nthreads())
        except Exception:  # noqa: BLE001 - a scheduler that is gone raises whatever its connection does
            return 0

    def _hand_over(self, done: Future[T], result: Future[T]) -> None:
        """What a task gave, or that the cluster could not compute it."""
        if done.cancelled():
            self._end(result, BrokenExecutor("the cluster lost a piece"))
        elif error := done.exception():
            is_lost = type(error).__module__.startswith("distributed")
            self._end(result, BrokenExecutor(str(error)) if is_lost else error)
        else:
            self._end(result, value=done.result())

    def _end(self, result: Future[Any], error: BaseException | None = None, value: Any = None) -> None:
        """Whichever comes first ends the wait."""
        with self._ending:
            if result not in self._waited_for:
                return
            self._waited_for.discard(result)
        if error:
            result.set_exception(error)
        else:
            result.set_result(value)


def _itself(value: T) -> T:
    return value
