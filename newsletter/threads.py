"""Calls one piece of work on many items from a few threads, one item at a time each."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

S = TypeVar("S")
T = TypeVar("T")
_END = object()


def in_lanes(work: Callable[[S], T], items: Iterator[S], count: int, tell: Callable[[int], None]) -> tuple[T, ...]:
    """Each item's result, in no order, from `count` threads; `tell` hears how many are done."""
    taking, results = threading.Lock(), list[T]()

    def lane() -> None:
        while True:
            with taking:
                item = next(items, _END)
            if item is _END:
                return
            results.append(work(cast("S", item)))
            tell(len(results))

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(lane) for _ in range(count)]:
            done.result()
    return tuple(results)
