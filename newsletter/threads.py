"""Maps a function over a lazy iterator in a few threads."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

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
