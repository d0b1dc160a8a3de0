"""Money is an integer of picodollars (1 USD = 10**12) inside, a decimal string outside; shares of it sum exactly."""

from collections.abc import Sequence
from decimal import Decimal

PICODOLLARS_PER_USD = 10**12


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Cuts a sum by weights into whole parts that add up to it exactly (largest remainder, first come first)."""
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def exact_usd(picodollars: int) -> str:
    """Picodollars as a decimal string in USD, without loss: 1500000000 is 0.0015."""
    text = f"{Decimal(picodollars) / PICODOLLARS_PER_USD:.12f}".rstrip("0")
    return text + "0" * max(0, 2 - len(text.partition(".")[2]))


def shown_usd(picodollars: int) -> str:
    """Picodollars as people read them: USD with four decimals."""
    return f"{Decimal(picodollars) / PICODOLLARS_PER_USD:.4f}"


def picodollars(usd: float | Decimal) -> int:
    """USD as picodollars."""
    return int(Decimal(str(usd)) * PICODOLLARS_PER_USD)
