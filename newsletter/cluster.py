"""Pieces on a Dask cluster, which labs run on SLURM and Kubernetes: pure computations, nothing else, go there.

Dask runs finished tasks of a lost worker again, silently, so only what may be done twice is a task. Importing this
module imports nothing of Dask: `cluster` does.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from newsletter import __version__
from newsletter.errors import SettingsError
from newsletter.threads import Shared

P = ParamSpec("P")
T = TypeVar("T")
CONNECTED_WITHIN = 10  # seconds


@contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """An executor for pieces on the cluster of a scheduler, and how many of them it computes at a time.

    `address` is such as tcp://scheduler:8786, or tls:// with certificates as Dask's own settings name them. Raises
    SettingsError where nothing is reached there, where there is no worker, and where a worker has other versions.
    """
    try:
        from distributed import Client  # noqa: PLC0415 - only where there is a cluster
    except ImportError:
        raise SettingsError('run.cluster: needs Dask: install it with `pip install "newsletter[cluster]"`') from None
    try:
        client = Client(address, timeout=CONNECTED_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SettingsError(f"run.cluster: {address}: no scheduler answers there: {error}") from None
    with client:
        _check(client, address)
        with client.get_executor(pure=False) as pool:
            yield _Cluster(client, pool), sum(client.nthreads().values())


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
    """Shared values are scattered to all workers once; what a lost worker had is computed by another one, or here."""

    def __init__(self, client: Any, pool: Any) -> None:
        self._client, self._pool = client, pool
        self._scattered: dict[Shared[Any], Any] = {}
        self._scattering = Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        values = [self._sent(value) if isinstance(value, Shared) else value for value in args]
        result = Future[T]()
        self._pool.submit(fn, *values, **kwargs).add_done_callback(lambda done: _hand_over(done, result))
        return result

    def _sent(self, value: Shared[Any]) -> Any:
        with self._scattering:
            if value not in self._scattered:
                self._scattered[value] = self._client.scatter(value.value, broadcast=True, hash=False)
            return self._scattered[value]


def _hand_over(done: Future[T], result: Future[T]) -> None:
    """What a task gave, or that the cluster could not compute it."""
    if done.cancelled():
        result.set_exception(BrokenExecutor("the cluster lost a piece"))
    elif error := done.exception():
        is_lost = type(error).__module__.startswith("distributed")
        result.set_exception(BrokenExecutor(str(error)) if is_lost else error)
    else:
        result.set_result(done.result())
