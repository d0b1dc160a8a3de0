"""A first topics file from what somebody collected: looked up in the archive, then at arXiv's door.

With a key the model words it. What that costs is on the account of the subscriber for whom it is drafted, else it is
shared by all who are active; it is in nobody's budget. Without subscribers it is said, and kept nowhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter import app
from newsletter.cli import show
from newsletter.errors import InputError, NewsletterError, SourceError
from newsletter.models.papers import Paper
from newsletter.models.subscribers import SubscriberStatus
from newsletter.money import shown_usd
from newsletter.scoring import connect
from newsletter.settings import Settings
from newsletter.sources import connect as connect_sources
from newsletter.store import Store
from newsletter.store.charges import DRAFT
from newsletter.store.subscribers import FileStamp
from newsletter.topics import draft, references
from newsletter.topics.body import parse
from newsletter.topics.draft import Drafted
from newsletter.topics.references import Reference

ARCHIVE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Draft:
    """The body of a topics file, and the categories that its papers have."""

    body: str
    categories: tuple[str, ...]


def drafted(source: str, settings: Settings, store: Store | None, *, address: str = "", by_model: bool = True) -> Draft:
    """A draft from the file of references at `source`, or from the identifiers in it, for whoever has this address.

    Papers without a title are looked up in the store, then at arXiv; what is found nowhere is left out and named.
    Worded by the model where a key is set, unless `by_model` is False; where that fails, it is said and the draft
    stays as it is. Raises InputError where nothing is left.
    """
    path = Path(source)
    try:
        named = path.is_file()
        raw = path.read_bytes() if named else source.encode()
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from error
    if not named and path.suffix in (".bib", ".ris", ".json", ".txt", ".md"):
        raise InputError(f"{source}: cannot be read: there is no such file")
    found = references.read(raw, source if named else "the identifiers")
    for problem in found.problems:
        show.warning(problem)
    stored = _stored(found.ids, store) if store else {}
    missing = [item.arxiv_id for item in found.items if item.arxiv_id not in stored and _is_bare(item)]
    stored |= _asked(missing, settings) if missing else {}
    items = [_filled(item, stored.get(item.arxiv_id)) for item in found.items]
    for item in items:
        if not item.title:
            show.warning(f"{item.arxiv_id}: is not known, or arXiv did not answer; it was left out")
    items = [item for item in items if item.title]
    if not items:
        raise InputError(f"{source}: nothing is left to draft from")
    found_topics = draft.topics(items, _archive(store, found.ids) if store else [])
    if by_model and settings.secret("OPENAI_API_KEY"):
        found_topics = _worded(found_topics, settings, store, address)
    return Draft(draft.body(found_topics, items), draft.categories(paper.categories for paper in stored.values()))


def _worded(topics: list[Drafted], settings: Settings, store: Store | None, address: str) -> list[Drafted]:
    """The topics in the model's words, as far as it gives them."""
    try:
        with (
            _accounts(settings, store, address) as (kept, payers),
            connect.spending(settings, kept, command=DRAFT, clock=app.now, warn=show.warning) as budget,
        ):
            model = connect.wordsmith(settings, kept, budget, clock=app.now, warn=show.warning)
            worded = model.word(topics, payers, app.now().date())
    except NewsletterError as error:
        show.warning(f"the draft has no words of the model: {error}")
        return topics
    show.warning(
        f"worded by {worded.model}: {worded.usage.total_tokens} tokens, USD {shown_usd(worded.picodollars)}, from the "
        "titles and abstracts"
    )
    return list(worded.topics)


@contextmanager
def _accounts(settings: Settings, store: Store | None, address: str) -> Iterator[tuple[Store, list[int]]]:
    """Where a call is charged, and to whom. Raises Busy while another run spends."""
    known = [one for one in store.subscribers.known() if one.status is SubscriberStatus.ACTIVE] if store else []
    own = [one.id for one in known if address and one.email.casefold() == address.casefold()]
    if store and known:
        with app.run_lock(settings):
            yield store, own or [one.id for one in known]
        return
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "newsletter.db") as apart:
        nobody = parse(b"What I collected", "the draft")
        yield apart, [apart.subscribers.save(DRAFT, nobody, FileStamp(0, 0), app.now()).id]


def _is_bare(item: Reference) -> bool:
    return bool(item.arxiv_id) and not (item.title and item.abstract)


def _filled(item: Reference, paper: Paper | None) -> Reference:
    if paper is None:
        return item
    shown = paper.shown
    return replace(item, title=shown.title, abstract=shown.abstract, authors=shown.authors)


def _stored(ids: Sequence[str], store: Store) -> dict[str, Paper]:
    versions = ((paper_id, store.papers.versions(paper_id)) for paper_id in ids)
    return {paper_id: known[-1] for paper_id, known in versions if known}


def _asked(ids: Sequence[str], settings: Settings) -> dict[str, Paper]:
    """What arXiv says of them; where it does not answer, that is said and nothing is known."""
    with TemporaryDirectory() as folder:
        state = app.state(settings) if settings.home else Path(folder)
        found: dict[str, Paper] = {}
        for source in connect_sources(settings, state, app.now, app.sleep):
            try:
                found |= {paper.id: paper for paper in source.look_up([name for name in ids if name not in found])}
            except SourceError as error:
                show.warning(str(error))
            finally:
                source.close()
    return found


def _archive(store: Store, ids: Sequence[str]) -> Iterable[str]:
    """The texts of the stored papers that were not collected."""
    days = [mailing.date for mailing in store.mailings.days(since=app.now().date() - ARCHIVE)]
    collected = set(ids)
    papers = (announcement.paper for announcement in store.mailings.announcements(days))
    return [f"{paper.shown.title}. {paper.shown.abstract}" for paper in papers if paper.id not in collected]
