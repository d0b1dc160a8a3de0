"""How fast delivery is: sends a second to a local SMTP sink against plain smtplib, with the durable states on.

Both use the same connections, in as many threads, for the same bytes. The sink is a process of its own: aiosmtpd, and
postfix's smtp-sink where it is installed. Prints a table; exits 1 below the ratio or above the memory promised.

    .venv/bin/python bench/delivery.py [--sends 20000] [--lanes 4] [--kilobytes 60] [--sink smtp-sink]
"""

import argparse
import os
import queue
import resource
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path

from newsletter.delivery.backends.smtp import Options
from newsletter.delivery.backends.smtp.client import Smtp
from newsletter.delivery.dispatch import Desk, dispatch
from newsletter.models.editions import Edition, Totals
from newsletter.models.sends import Outgoing, Receipt, Send
from newsletter.models.subscribers import TopicsFile, Wishes
from newsletter.store import Store
from newsletter.store.subscribers import FileStamp
from newsletter.topics.body import read_body

RATIO, MEGABYTES = 0.85, 300
DAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sends", type=int, default=20_000)
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--kilobytes", type=int, default=60)
    parser.add_argument("--sink", choices=("aiosmtpd", "smtp-sink"), action="append")
    given = parser.parse_args()
    sinks = given.sink or (["aiosmtpd", "smtp-sink"] if smtp_sink() else ["aiosmtpd"])
    return max(measured(name, given) for name in sinks)


def measured(name: str, given: argparse.Namespace) -> int:
    """Delivers to one sink and prints how fast; 1 where it is slower than promised."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "newsletter.db") as store:
        prepare(store, given.sends)
        port, sink = start_sink(name)
        try:
            plain = plainly(port, given.sends, given.lanes, given.kilobytes)
            ours, stages = durably(store, port, given.lanes, given.kilobytes)
        finally:
            sink.kill()
            sink.wait()
        counts = {str(state): count for state, count in store.sends.counts().items()}
        size = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(f"{given.sends} sends of {given.kilobytes} kB over {given.lanes} connections to {name}")
    print(f"  plain smtplib    {given.sends / plain:8.0f} a second")
    print(f"  with the states  {given.sends / ours:8.0f} a second: {plain / ours:.2f} of plain (promised: {RATIO})")
    for stage, seconds in stages.items():
        print(f"  {stage:16} {1e3 * seconds / given.sends:8.2f} ms of CPU a send")
    print(f"  peak memory      {memory:8.0f} MB (promised: {MEGABYTES}); database {size:.0f} MB; states {counts}")
    return 0 if plain / ours >= RATIO and memory <= MEGABYTES and counts == {"accepted": given.sends} else 1


def prepare(store: Store, sends: int) -> None:
    """As many sends that are ready."""
    edition = Edition(subscriber="", date=DAY, scorer="local", model="", totals=Totals(), papers=(), mailings=(DAY,))
    topics = read_body("1. Moss\n   - Relevant: moss")
    for number in range(sends):
        wishes = Wishes(email=f"r{number}@example.org", categories=("q-bio",))
        who = store.subscribers.save(f"r{number}", TopicsFile(wishes, topics), FileStamp(1, 1), NOW)
        store.subscribers.consent(who.id, wishes.email, "bench", NOW)
        store.editions.freeze(edition, who, f"s{number:09}", NOW)


def message(address: str, kilobytes: int) -> bytes:
    """A message with as much text, of which every line is different."""
    lines = "".join(
        f"line {number} of the papers of today, about moss, for {address}\r\n" for number in range(16 * kilobytes)
    )
    return (
        f"From: news@example.org\r\nTo: {address}\r\nSubject: moss\r\n\r\n{lines}".encode()[: kilobytes * 1000]
        + b"\r\n"
    )


def plainly(port: int, sends: int, lanes: int, kilobytes: int) -> float:
    """Seconds that smtplib alone needs, on as many connections."""
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    for number in range(sends):
        todo.put(f"r{number}@example.org")

    def lane() -> None:
        with smtplib.SMTP("127.0.0.1", port) as connection:
            while True:
                try:
                    address = todo.get_nowait()
                except queue.Empty:
                    return
                connection.sendmail("news@example.org", [address], message(address, kilobytes))

    started = time.perf_counter()
    threads = [threading.Thread(target=lane) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def durably(store: Store, port: int, lanes: int, kilobytes: int) -> tuple[float, dict[str, float]]:
    """Seconds that dispatch needs, and its CPU seconds by stage."""
    stages: dict[str, float] = {"write": 0.0, "submit": 0.0}

    class Measured(Smtp):
        def submit(self, outgoing: Outgoing) -> Receipt:
            before = time.thread_time()
            receipt = super().submit(outgoing)
            stages["submit"] += time.thread_time() - before
            return receipt

    def write(send: Send) -> bytes:
        before = time.thread_time()
        eml = message(send.address, kilobytes)
        stages["write"] += time.thread_time() - before
        return eml

    backend = Measured(Options.model_validate({"url": f"smtp://127.0.0.1:{port}"}))
    desk = Desk(store, backend, "smtp", write, "news@example.org", lambda: NOW, lanes=lanes)
    started, cpu = time.perf_counter(), time.process_time()
    dispatch(desk)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    backend.close()
    return seconds, stages | {"states": cpu - sum(stages.values())}


def smtp_sink() -> str:
    """Where postfix's sink is; empty where it is not installed."""
    return shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin:/usr/lib/postfix/sbin") or ""


def start_sink(name: str) -> tuple[int, "subprocess.Popen[bytes]"]:
    """The port of a server that takes everything, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if name == "smtp-sink":
        user = [] if os.geteuid() else ["-u", "nobody"]
        command = [smtp_sink(), *user, f"127.0.0.1:{port}", "100"]
    else:
        command = [sys.executable, "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink", "-l", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    return port, process


if __name__ == "__main__":
    sys.exit(main())
