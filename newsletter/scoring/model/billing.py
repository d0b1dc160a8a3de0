"""Decides what a call comes to, who pays which part of it, and what stands in the accounts of it. Calls nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from newsletter.money import split
from newsletter.scoring.model.client import Reply
from newsletter.scoring.model.prices import Prices
from newsletter.store.charges import Charge


@dataclass(frozen=True, slots=True)
class Called:
    """A call: in which run, for which day and stage, by which model, about how many items, and who pays for it.

    `sharers` split what it wrote to the cache, `payers` the rest. `reserved` is what was set aside (picodollars).
    """

    run_id: int
    date: date
    stage: str
    model: str
    reserved: int
    items: int
    payers: Sequence[int]
    sharers: Sequence[int] = ()
    block_key: int | None = None


def bill(called: Called, reply: Reply, prices: Prices, *, useful: int, at: datetime) -> Charge:
    """The call's line in the accounts; `useful` is the number of items that its answer spoke of."""
    price = prices.of(reply.tier)
    completion = price.completion(reply.tokens)
    total = price.prompt(reply.tokens) + completion
    written = price.written(reply.tokens) if called.sharers else 0
    return Charge(
        run_id=called.run_id,
        date=called.date,
        at=at,
        stage=called.stage,
        block_key=called.block_key,
        model=called.model,
        tier=reply.tier,
        request_id=reply.request_id,
        tokens=reply.tokens,
        prices=prices.version,
        picodollars=total,
        completion_picodollars=completion,
        estimated_picodollars=called.reserved,
        finish=reply.finish,
        items_in=called.items,
        items_out=useful,
        retries=reply.retries,
        latency_ms=reply.latency_ms,
        payers=together(evenly(total - written, called.payers), evenly(written, called.sharers)),
        estimated=reply.estimated,
    )


def evenly(total: int, among: Sequence[int]) -> dict[int, int]:
    """Each one's part of a sum (picodollars)."""
    return dict(zip(among, split(total, [1] * len(among)), strict=True)) if among else {}


def together(*accounts: dict[int, int]) -> dict[int, int]:
    """Each one's sum over these accounts."""
    summed: dict[int, int] = {}
    for account in accounts:
        for who, amount in account.items():
            summed[who] = summed.get(who, 0) + amount
    return summed
