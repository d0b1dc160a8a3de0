"""Has texts turned into vectors by an embeddings model, once each: what is stored is never asked for again."""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np

from newsletter.models.papers import Paper
from newsletter.scoring.features import Floats, unit
from newsletter.scoring.model.budget import OutOfMoney
from newsletter.scoring.model.client import ModelStopped, Unanswered
from newsletter.scoring.model.embeddings import MOST_TEXTS, Embedder
from newsletter.store import Store
from newsletter.store.vectors import VectorKind

MOST_CHARACTERS = 6000  # of a text: what a small model reads at most

Vectorised = Callable[[Sequence[str], VectorKind, Sequence[int], date], Floats | None]


def text_of(paper: Paper) -> str:
    """What is sent of a paper: title and abstract, raw."""
    return f"{paper.title}. {paper.abstract}"[:MOST_CHARACTERS]


def vectorised(store: Store, embedder: Embedder, warn: Callable[[str], None]) -> Vectorised:
    """A row of length 1 for each text, zeros for an empty one; None after a fault, which is warned of once."""
    failed = False

    def rows(texts: Sequence[str], kind: VectorKind, payers: Sequence[int], day: date) -> Floats | None:
        nonlocal failed
        wanted = list(dict.fromkeys(text for text in texts if text.strip()))
        found = store.vectors.known(embedder.model, wanted)
        missing = [text for text in wanted if text not in found]
        if missing and failed:
            return None
        try:
            for start in range(0, len(missing), MOST_TEXTS):
                _buy(missing[start : start + MOST_TEXTS], kind, payers, day)
        except (OutOfMoney, Unanswered, ModelStopped) as error:
            failed = True
            warn(f"embeddings.model {embedder.model}: {error or 'its budget is used up'}; ranked by words instead")
            return None
        return _rows(texts, found | store.vectors.known(embedder.model, missing))

    def _buy(texts: Sequence[str], kind: VectorKind, payers: Sequence[int], day: date) -> None:
        embedder.embed(
            texts,
            payers,
            day,
            lambda got: store.vectors.keep(
                embedder.model, kind, dict(zip(texts, (row.tobytes() for row in got.astype(np.float16)), strict=True))
            ),
        )

    return rows


def _rows(texts: Sequence[str], stored: dict[str, bytes]) -> Floats | None:
    """The vectors as rows; None where they are of several lengths, which no space has."""
    known = {text: np.frombuffer(vector, np.float16) for text, vector in stored.items()}
    lengths = {len(vector) for vector in known.values()}
    if len(lengths) != 1:
        return None
    nothing = np.zeros(lengths.pop(), np.float16)
    return unit(np.array([known.get(text, nothing) for text in texts], np.float32))
