"""Builds what the commands work with: settings, store, services. The clock and the environment are read here.

What a service is made of is loaded where it is built: a glance at the day loads neither model, source nor templates.
"""

import os
import pickle
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter import sources as source_modules
from newsletter.delivery import backends
from newsletter.delivery.breakers import Breakers
from newsletter.delivery.dispatch import Delivery, Desk, Dispatch, Pace
from newsletter.errors import Busy, SettingsError
from newsletter.files import write_atomically
from newsletter.links import PAGES, Purpose, Signer, keys_of
from newsletter.models.editions import Composed, Kind
from newsletter.models.papers import Progress, Taxonomy
from newsletter.models.sends import Backend, Notice, Send
from newsletter.models.subscribers import Subscriber
from newsletter.rendering.theme import Theme
from newsletter.scoring.model.client import OpenAISettings
from newsletter.scoring.model.embeddings import EmbeddingsSettings
from newsletter.settings import Section, Settings, load
from newsletter.sources.contract import Source
from newsletter.store import Store

if TYPE_CHECKING:
    from newsletter.delivery.ahead import Ahead
    from newsletter.pipeline import Services
    from newsletter.rendering.templates import Templates
    from newsletter.scoring.model.pace import DayCost
    from newsletter.scoring.similarity import Similarity
    from newsletter.scoring.vectors import Vectorised
    from newsletter.subscribers.membership import Membership

SETTINGS_FILE = "newsletter.toml"
# What other processes load at their start: to compose, and to write messages.
COMPUTES = ("newsletter.editions.pieces", "newsletter.scoring.similarity", "newsletter.app", "newsletter.pipeline")
MANY_READERS = 2000  # from which on other processes pay: they start in a second or two


def now() -> datetime:
    """The clock of the command line."""
    return datetime.now(UTC)


def sleep(seconds: float) -> None:
    """The patience of the command line."""
    time.sleep(seconds)


def has_home() -> bool:
    """True where the current folder, or NEWSLETTER_HOME, is a newsletter's home."""
    return (Path(os.environ.get("NEWSLETTER_HOME") or ".") / SETTINGS_FILE).is_file()


def home_settings() -> Settings:
    """The settings of the home folder: the current one, or NEWSLETTER_HOME. Raises SettingsError where it is none."""
    home = Path(os.environ.get("NEWSLETTER_HOME") or ".").resolve()
    file = home / SETTINGS_FILE
    if not file.is_file():
        raise SettingsError(
            f"{home} has no {SETTINGS_FILE}: go to your newsletter's folder, set NEWSLETTER_HOME, "
            "or make one with `newsletter init DIR`"
        )
    return load(os.environ, file, sections())


def sections() -> Iterable[type[Section]]:
    """The settings sections of the modules that have their own."""
    return (
        *backends.sections(),
        *source_modules.sections(),
        Theme,
        Delivery,
        Breakers,
        OpenAISettings,
        EmbeddingsSettings,
    )


def templates(settings: Settings) -> "Templates":
    """The templates in the operator's theme."""
    from newsletter.rendering.templates import load_templates

    return load_templates(settings.home, source_modules.origins(), settings.of(Theme), settings.mail)


@contextmanager
def open_store(settings: Settings, *, follows: bool = False) -> Iterator[Store]:
    """The database of the home; one that `follows` goes on with a restored one that takes its place."""
    folder = state(settings)
    with Store.open(folder / "newsletter.db", follows=follows) as store:
        yield store


@contextmanager
def run_lock(settings: Settings) -> Iterator[None]:
    """Held by the one who composes and sends in this home; the kernel releases it when the process dies.

    Raises Busy where somebody else has it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(state(settings) / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Busy("another run is under way in this home; it sends what is due") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def fetch_lock(settings: Settings, waits: Callable[[], None]) -> Iterator[bool]:
    """Held by the one who fetches in this home; whoever comes second calls `waits` and waits. True for the second."""
    from filelock import FileLock, Timeout

    lock = FileLock(state(settings) / "fetch.lock", poll_interval=0.2)
    is_second = False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        is_second = True
        waits()
        lock.acquire()
    try:
        yield is_second
    finally:
        lock.release()


@contextmanager
def members() -> Iterator["Membership"]:
    """The subscribers of the home, with the rules of joining and leaving."""
    settings = home_settings()
    with open_store(settings) as store:
        yield membership(settings, store)


def membership(settings: Settings, store: Store) -> "Membership":
    """The subscribers of a home, over its store."""
    from newsletter.subscribers.membership import Membership

    assert settings.home is not None, "subscribers live in a home"
    return Membership(settings.home / "subscribers", state(settings), store, taxonomy())


def welcome(settings: Settings, store: Store, subscriber: Subscriber) -> Composed | None:
    """The first edition of somebody who joined, ranked on this machine; None where no mailing is stored yet."""
    from newsletter.editions import compose
    from newsletter.editions.compose import Composing

    made = Composing(
        store=store,
        scorer=local_scorer(store),
        origins=source_modules.origins(),
        taxonomy=taxonomy(),
        to_people=reaches_people(settings),
        with_marks=_has_marks(settings),
    )
    return compose.welcome(subscriber, made, now())


@contextmanager
def services(
    settings: Settings,
    store: Store,
    progress: Progress,
    warn: Callable[[str], None],
    stop: threading.Event | None = None,
    *,
    at_once: bool = False,
) -> Iterator["Services"]:
    """All that a day needs, closed again at the end; nothing new is begun once `stop` is set.

    `at_once`: what is composed waits for no reader's hour.
    """
    from newsletter.editions.compose import Composing
    from newsletter.pipeline import Services
    from newsletter.scoring import connect

    stop = stop or threading.Event()
    with (
        computing(settings) as (executor, width),
        desk(settings, store, stop, lambda done: progress("send", done), executor) as made,
        connect.spending(settings, store, command="run", clock=now, warn=warn) as budget,
    ):
        local = local_scorer(store, connect.vectors(settings, store, budget, clock=now, warn=warn))
        yield Services(
            composing=Composing(
                store=store,
                scorer=connect.scorer(settings, store, local, budget, clock=now, warn=warn, tell=warn, stop=stop),
                origins=source_modules.origins(),
                taxonomy=source_modules.taxonomy(),
                to_people=made.backend.reaches_people,
                at_once=at_once,
                with_marks=_has_marks(settings),
                workers=max(connect.lanes(settings), width),
                executor=executor,
                stop=stop,
                tell=lambda done: progress("compose", done),
            ),
            desk=made,
            mark=guard(settings, made),
        )


@contextmanager
def computing(settings: Settings) -> Iterator[tuple[Executor, int]]:
    """What computes editions that need no model, and how many pieces of them should be under way.

    Raises SettingsError where run.cluster names no cluster that can.
    """
    from newsletter.cluster import cluster
    from newsletter.threads import executor as local_executor

    assert settings.home is not None, "a run has a home"
    workers, kind = settings.run.workers, settings.run.executor
    if settings.run.cluster:
        with cluster(settings.run.cluster) as (executor, width):
            yield executor, 2 * width
        return
    if kind == "auto":
        readers = sum(1 for _ in (settings.home / "subscribers").glob("*.md"))
        kind = "processes" if readers >= MANY_READERS and (os.cpu_count() or 1) > 1 else "serial"
    with local_executor(kind, workers, COMPUTES) as executor:
        yield executor, workers + 1 if kind == "processes" else 1


@contextmanager
def desk(
    settings: Settings,
    store: Store,
    stop: threading.Event,
    tell: Callable[[int], None],
    executor: Executor | None = None,
) -> Iterator[Desk]:
    """What sending takes, its connections closed again at the end.

    Messages are written by the processes of `executor` where it has some, unless few go out a second.
    """
    from newsletter.delivery.providers import Providers

    backend, options = connected(settings), backends.options(settings)
    write = _writer(settings, store)
    ahead = None if options.per_second else _ahead(settings, write, executor)
    try:
        yield Desk(
            store=store,
            backend=backend,
            backend_name=settings.mail.backend,
            write=ahead or write,
            begin=ahead.begin if ahead else None,
            sender=settings.mail.sender,
            clock=now,
            lanes=options.lanes,
            pace=Pace(options.per_second, time.monotonic, stop.wait),
            operator=settings.mail.operator,
            delivery=settings.of(Delivery),
            breakers=settings.of(Breakers),
            stop=stop,
            tell=tell,
            provider_of=Providers(),
        )
    finally:
        backend.close()


def _writer(settings: Settings, store: Store) -> Callable[[Send | Notice], bytes]:
    from newsletter.pipeline import writer

    return writer(store, templates(settings), _mail_signer(settings), settings.mail, now, _prompt(settings))


def _ahead(settings: Settings, write: Callable[[Send | Notice], bytes], executor: Executor | None) -> "Ahead | None":
    """Writes messages in processes of this machine; None where there are none. A cluster hears no address."""
    from newsletter.delivery.ahead import Ahead

    if not isinstance(executor, ProcessPoolExecutor):
        return None
    kept = pickle.dumps(settings)
    return Ahead(write, lambda sends: executor.submit(written, kept, tuple(sends)))


def written(kept: bytes, sends: Sequence[Send]) -> dict[str, bytes]:
    """The messages of some sends, in another process that reads the store of the pickled settings.

    What cannot be written is left out: who asks for it will meet the same error.
    """
    write, found = _writer_there(kept), {}
    for send in sends:
        with suppress(Exception):
            found[send.id] = write(send)
    return found


@lru_cache(maxsize=1)
def _writer_there(kept: bytes) -> Callable[[Send | Notice], bytes]:
    from newsletter.store.database import Database

    settings: Settings = pickle.loads(kept)  # noqa: S301 - the parent of this process wrote it
    return _writer(settings, Store(Database(state(settings) / "newsletter.db")))


def send_waiting(settings: Settings, store: Store, stop: threading.Event | None = None) -> Dispatch | None:
    """Sends the notices and welcome editions that wait; None where nothing does, or where a run sends them.

    Raises NewsletterError where sending cannot begin: a setting that is missing, a database older than its mail.
    """
    from newsletter.delivery import restore_guard
    from newsletter.pipeline import send_ready

    if not (store.notices.waiting(now()) or store.sends.has_welcome(now())):
        return None
    try:
        with (
            run_lock(settings),
            desk(settings, store, stop or threading.Event(), lambda _: None) as made,
        ):
            if found := guard(settings, made):
                restore_guard.check(store, found, now(), confirmed=False)
            return send_ready(made, found, Kind.WELCOME)
    except Busy:
        return None


def guard(settings: Settings, made: Desk) -> Path | None:
    """The restore guard's file, where mail reaches people."""
    return mark(settings) if made.backend.reaches_people else None


def _prompt(settings: Settings) -> Callable[[str], str]:
    """The model's instructions with some topics, as a page shows them."""
    from newsletter.scoring.model import prompts

    return lambda topics: prompts.page(topics, prompts.load_prompts(settings.home))


def local_scorer(store: Store, vectors: "Vectorised | None" = None) -> "Similarity":
    """The scorer that needs no language model, with what the store has of earlier days."""
    from newsletter.scoring.remembered import stored_archive, stored_past
    from newsletter.scoring.similarity import Similarity

    return Similarity(archive=stored_archive(store), past=stored_past(store), vectors=vectors)


def day_cost(settings: Settings, store: Store, readers: Iterable[Subscriber]) -> "DayCost | None":
    """What a day will cost with the model, by the newest stored mailing; None without a model or a mailing."""
    from newsletter.editions.candidates import candidates
    from newsletter.scoring import connect

    dates = sorted(mailing.date for mailing in store.mailings.days() if mailing.has_papers)[-1:]
    announced = store.mailings.announcements(dates)
    expected = ((reader, candidates(reader.wishes, announced, (), taxonomy()).papers) for reader in readers)
    return connect.day_cost(settings, expected)


def taxonomy() -> Taxonomy:
    """The categories that subscribers may wish for."""
    return source_modules.taxonomy()


def sources(settings: Settings) -> list[Source]:
    """The sources of mailings, with the clock and the sleep of the command line."""
    return source_modules.connect(settings, state(settings), now, sleep)


def reads_topics(settings: Settings) -> str:
    """Who besides this server reads the topics of its subscribers, as "MODEL at HOST"; empty where nobody does."""
    from newsletter.scoring import connect

    return connect.reads_topics(settings)


def just_me(settings: Settings) -> bool:
    """True where this home mails only its own operator, by SMTP. Raises TopicsError where its one file is no good."""
    from newsletter.subscribers.just_me import is_just_me

    assert settings.home is not None, "subscribers live in a home"
    return settings.mail.backend == "smtp" and is_just_me(settings.home / "subscribers", settings.mail.address)


def connected(settings: Settings) -> Backend:
    """The backend that newsletter.toml names. Raises SettingsError where it may not be used as it stands."""
    return backends.connect(settings, just_me=_needs_less(settings))


def reaches_people(settings: Settings) -> bool:
    """True when the backend that newsletter.toml names mails people, and may. Raises SettingsError as `connected`."""
    backends.check(settings, just_me=_needs_less(settings))
    return backends.reaches_people(settings)


def _needs_less(settings: Settings) -> bool:
    """True where not all is set that mailing others needs, and nobody else is mailed."""
    return bool(backends.lacking(settings)) and just_me(settings)


def mark(settings: Settings) -> Path:
    """The file that keeps the dispatch epoch; backups must leave it out."""
    return Path(settings.of(Delivery).epoch_file or state(settings) / "dispatch.mark")


def _mail_signer(settings: Settings) -> Signer | None:
    """Signs the links of emails; None where they could lead nowhere, for one who mails only themself."""
    return signer(settings) if backends.has_links(settings) else None


def _has_marks(settings: Settings) -> bool:
    """True where emails have links to mark papers by."""
    signs = _mail_signer(settings)
    return signs is not None and signs.is_public and Purpose.FEEDBACK in PAGES


def signer(settings: Settings) -> Signer:
    """Signs with NEWSLETTER_SECRET; the outbox, and who mails only themself, may have a key made for them."""
    keys = keys_of(settings.secret("NEWSLETTER_SECRET"))
    return Signer(settings.web.base_url, keys or (_own_key(state(settings) / "secret"),))


def state(settings: Settings) -> Path:
    """The folder var/ of the home, made where it is missing."""
    assert settings.home is not None, "commands without a home keep no state"
    folder = settings.home / "var"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be made: {error.strerror}") from error
    return folder


def _own_key(path: Path) -> bytes:
    if not path.exists():
        write_atomically(path, secrets.token_hex(32).encode(), mode=0o600)
    return path.read_bytes().strip()
