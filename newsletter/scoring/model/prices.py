"""Decides what tokens cost: dated prices per model and service tier, in whole picodollars, and fair shares of a sum.

Prices come from genai-prices, unless newsletter.toml names them; a model without a price is an error, never $0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version

from pydantic import BaseModel, ConfigDict, Field

from newsletter.errors import SettingsError
from newsletter.models.scores import Tokens
from newsletter.money import PICODOLLARS_PER_USD

FLEX = "flex"
STANDARD = "default"
_PICODOLLARS_PER_TOKEN = Decimal(PICODOLLARS_PER_USD) / 10**6  # of a price of $1 per million tokens
_SAMPLE = 1000  # tokens; small enough for the prices of short prompts


class PriceOverride(BaseModel):
    """The operator's prices of one model, USD per million tokens; `flex` is the share of them that flex costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(default=None, ge=0)
    cache_write: Decimal | None = Field(default=None, ge=0)
    flex: Decimal = Field(default=Decimal("0.5"), ge=0, le=1)
    as_of: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """Picodollars per token of one model on one tier."""

    input: Decimal
    cached: Decimal
    write: Decimal
    output: Decimal

    def prompt(self, tokens: Tokens) -> int:
        """What the prompt costs, what is read from and written to the cache included."""
        fresh = max(0, tokens.prompt - tokens.cached - tokens.written)
        return _whole(fresh * self.input + tokens.cached * self.cached) + self.written(tokens)

    def written(self, tokens: Tokens) -> int:
        """The part of the prompt's cost that wrote to the cache."""
        return _whole(tokens.written * self.write)

    def completion(self, tokens: Tokens) -> int:
        """What the completion costs, reasoning included."""
        return _whole(tokens.completion * self.output)

    def worst(self, prompt_tokens: int, completion_tokens: int) -> int:
        """The most a call can cost: nothing cached, everything written, the longest answer."""
        return _whole(prompt_tokens * max(self.input, self.write) + completion_tokens * self.output) + 1


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one model; `version` names the table they are from."""

    standard: Price
    flex: Price
    version: str

    def of(self, tier: str) -> Price:
        """The price of the tier that an answer names; every tier but flex costs the standard price."""
        return self.flex if tier == FLEX else self.standard


def prices_of(model: str, overrides: Mapping[str, PriceOverride]) -> Prices:
    """The prices of a model. Raises SettingsError where neither the operator nor genai-prices knows it."""
    if own := overrides.get(model):
        known = own.input, own.cached, own.cache_write, own.output
        dated = f"newsletter.toml{' of ' + own.as_of if own.as_of else ''}"
        return Prices(_price(*known, Decimal(1)), _price(*known, own.flex), dated)
    try:
        standard, half = _published(model, {}), _published(model, {"processing": "batch"})
    except LookupError:
        raise SettingsError(
            f"openai.model: no price is known for {model!r}: name it in newsletter.toml as "
            f'[openai.prices."{model}"] with input and output in USD per million tokens'
        ) from None
    # Flex and batch cost the same (https://platform.openai.com/docs/guides/flex-processing); the table has batch only.
    return Prices(standard, half, f"genai-prices {version('genai-prices')}")


def _price(
    prompt: Decimal, cached: Decimal | None, write: Decimal | None, completion: Decimal, factor: Decimal
) -> Price:
    scale = _PICODOLLARS_PER_TOKEN * factor
    return Price(
        input=prompt * scale,
        cached=(prompt if cached is None else cached) * scale,
        write=(prompt if write is None else write) * scale,
        output=completion * scale,
    )


def _published(model: str, context: dict[str, str]) -> Price:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - only those who call a model pay for it

    def per_token(usage: Usage, *, output: bool = False) -> Decimal:
        found = calc_price(usage, model, provider_id="openai", price_context=context or None)
        paid = found.output_price if output else found.input_price
        return paid * PICODOLLARS_PER_USD / _SAMPLE

    return Price(
        input=per_token(Usage(input_tokens=_SAMPLE)),
        cached=per_token(Usage(input_tokens=_SAMPLE, cache_read_tokens=_SAMPLE)),
        write=per_token(Usage(input_tokens=_SAMPLE, cache_write_tokens=_SAMPLE)),
        output=per_token(Usage(output_tokens=_SAMPLE), output=True),
    )


def _whole(amount: Decimal | int) -> int:
    return int(Decimal(amount).to_integral_value(ROUND_HALF_EVEN))
