"""What a reader's model was asked on a day and what it was spared, by which the model's part is judged."""

from dataclasses import dataclass

from newsletter.models.papers import Day

PLACES = 20  # parts of a day's local ranking, the best first


@dataclass(frozen=True, slots=True)
class ReadDay:
    """One reader's day by a model: how many of the candidates it read, and how many of those are relevant.

    `skipped` papers were expected to hold nothing; `sampled` are those of them that were drawn and read nevertheless,
    so that each stands for `weight` of them. `found` are the relevant papers among those that were read as a matter of
    course, `found_sampled` among the drawn. `papers` and `relevant` count all candidates, and the relevant ones (drawn
    ones by their weight), by the part of the local ranking that they stood in.
    """

    date: Day
    read: int
    skipped: int
    sampled: int
    weight: float
    found: int
    found_sampled: int
    papers: tuple[int, ...]
    relevant: tuple[float, ...]

    @property
    def candidates(self) -> int:
        return self.read + self.skipped

    @property
    def unread(self) -> int:
        """Papers that the model did not read."""
        return self.skipped - self.sampled

    @property
    def listed(self) -> int:
        """Relevant papers that the model read."""
        return self.found + self.found_sampled

    @property
    def missed(self) -> float:
        """An unbiased estimate of the relevant papers among those that were not read (Horvitz and Thompson 1952)."""
        return (self.weight - 1) * self.found_sampled
