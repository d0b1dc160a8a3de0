"""A day composed alone and on a Dask cluster of this machine, with one worker and with two: how much quicker it is.

    python bench/cluster.py [SUBSCRIBERS]      default: 5000

The readers and the mailing of bench/day.py. Scheduler and workers are processes with folders of their own; on a machine
with two cores the second worker shares one with the process that gathers and freezes. Needs the extra `cluster`.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from day import a_mailing, measured, subscribe

from newsletter.cluster import cluster
from newsletter.errors import SettingsError


@contextmanager
def dask(folder: Path, *arguments: str) -> Iterator[None]:
    """A process of Dask, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "dask", *arguments], cwd=folder, stderr=log, stdout=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


@contextmanager
def a_cluster(folder: Path, workers: int) -> Iterator[str]:
    """The address of a scheduler of so many workers."""
    file = folder / "scheduler.json"
    alone = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
    with ExitStack() as stack:
        stack.enter_context(dask(folder / "scheduler", "scheduler", "--port", "0", *alone))
        for number in range(workers):
            own = folder / f"worker{number}"
            only = ("--nthreads", "1", "--no-nanny", "--local-directory", str(own))
            stack.enter_context(dask(own, "worker", *alone, *only))
        while not file.is_file():
            time.sleep(0.1)
        address = file.read_text(encoding="utf-8").partition('"address": "')[2].partition('"')[0]
        while threads(address) < workers:
            time.sleep(0.1)
        yield address


def threads(address: str) -> int:
    try:
        with cluster(address) as (_, width):
            return width
    except SettingsError:
        return 0


def composed(folder: Path, count: int, settings: str) -> float:
    """Seconds that a home's day takes to be composed, its topics files read before."""
    mix = random.Random(7)
    home = folder / "home"
    subscribe(home, count, mix)
    listing = a_mailing(folder, mix)
    (home / "newsletter.toml").write_text(f"[run]\n{settings}\n", encoding="utf-8")
    measured("read", home, ["subscribers", "list"])
    return measured("compose", home, ["run", "--listing", str(listing), "--no-send"]).seconds


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as scratch:
        serial = composed(Path(scratch) / "alone", count, 'executor = "serial"')
        print(f"{count} readers, alone       {serial:6.1f} s  {1000 * serial / count:5.2f} ms a reader", flush=True)
        for workers in (1, 2):
            folder = Path(scratch) / str(workers)
            with a_cluster(folder, workers) as address:
                seconds = composed(folder, count, f'cluster = "{address}"')
            print(
                f"{count} readers, {workers} worker{'s' * (workers > 1):1}   {seconds:6.1f} s  "
                f"{1000 * seconds / count:5.2f} ms a reader, {serial / seconds:.2f} times as fast",
                flush=True,
            )


if __name__ == "__main__":
    main()
