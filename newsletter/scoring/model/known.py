"""What is bought already for one reader's topics, by the model and the prompts of a run; reads the store."""

from collections.abc import Iterable

from newsletter.models.papers import Paper
from newsletter.models.subscribers import Subscriber
from newsletter.scoring.model.sharing import key_of
from newsletter.store.scores import Bought, Comment, Relevance, ScoreShelf


class Known:
    """One reader's scores and comments, by the keys of papers."""

    def __init__(self, shelf: ScoreShelf, recipe: int, subscriber: Subscriber) -> None:
        self._shelf = shelf
        self._recipe = recipe
        self._language = subscriber.wishes.language
        self.topics_key = shelf.topics_key(subscriber.topics)

    def relevances(self, papers: Iterable[int]) -> dict[int, Relevance]:
        return self._shelf.relevances(self.topics_key, self._recipe, papers)

    def novelties(self, papers: Iterable[int]) -> dict[int, int]:
        return self._shelf.novelties(self._recipe, papers)

    def comments(self, papers: Iterable[Paper]) -> dict[int, Comment]:
        return self._shelf.comments(self.topics_key, self._recipe, self._language, map(key_of, papers))

    def keep_silent(self, papers: Iterable[Paper]) -> None:
        """Notes that nothing true was said of these papers, so that they are not asked about again."""
        nothing = {key_of(paper): Comment(0, "", "", "") for paper in papers}
        self._shelf.keep(Bought(comments=nothing, language=self._language), self._recipe, self.topics_key)
