"""Calls the model: Chat Completions of any OpenAI-compatible endpoint. The only door to the openai package.

Retries are ours: the client's own would hide calls from the accounts. What an endpoint refuses is dropped for the rest
of the run after one refusal, with a warning.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal, NoReturn

from pydantic import Field

from newsletter.errors import NewsletterError, Stopped
from newsletter.models.scores import Tokens
from newsletter.scoring.model import replies
from newsletter.scoring.model.dialect import Body, Dialect, Prompt
from newsletter.scoring.model.gate import UNSAID, Gate, Limits, limits_of
from newsletter.scoring.model.prices import FLEX, STANDARD, PriceOverride
from newsletter.settings import Section

LONGEST_PAUSE = 120.0  # seconds, whatever Retry-After says
FLEX_REFUSALS = 3  # rate limits on flex before this one call goes to the standard tier
FAILURES_IN_A_ROW = 5  # calls that came to nothing before the run stops calling
CHAT, EMBEDDINGS = "/chat/completions", "/embeddings"
SECRET_FROM = 6  # characters; a shorter key ("none", "x") is no secret


class OpenAISettings(Section):
    """Which model is asked, how, and how much may be spent. Amounts are USD."""

    section: ClassVar[str] = "openai"
    model: str = "gpt-6-luna"
    effort: Literal["none", "minimal", "low", "medium", "high", "default"] = "none"
    service_tier: Literal["flex", "default"] = "flex"
    context_tokens: int = Field(128_000, ge=2_000)
    skips: bool = True  # what earlier days say holds nothing for a reader is not read
    concurrency: int = Field(16, ge=1, le=256)
    prefix_rpm: int = Field(0, ge=0)
    timeout_seconds: float = Field(600.0, gt=0)
    attempts: int = Field(6, ge=1, le=20)
    max_usd_per_run: Decimal = Field(Decimal(10), ge=0)
    max_usd_per_month: Decimal = Field(Decimal(100), ge=0)
    prices: dict[str, PriceOverride] = Field(default_factory=dict)


class ModelStopped(NewsletterError):
    """No further call makes sense in this run: key, quota or model refused, or nothing answers."""


class Unanswered(Exception):
    """This call came to nothing; another may succeed. Nothing was billed that we know of."""


class TooLong(Unanswered):
    """The prompt is longer than the model's context; `context` is what it can hold, where it was said."""

    def __init__(self, message: str, context: int | None = None) -> None:
        super().__init__(message)
        self.context = context


@dataclass
class Rejected(Exception):
    """An endpoint's error, or trouble on the way to it (`status` 0; `timed_out` when it took too long).

    `lost`: the request went out, and nothing came back that says what it used.
    """

    status: int
    message: str = ""
    code: str = ""
    param: str = ""
    retry_after: float | None = None
    timed_out: bool = False
    lost: bool = False
    context: int | None = None

    @property
    def overflows(self) -> bool:
        """True where the prompt was longer than the model's context."""
        return replies.overflows(self.status, self.code, self.message)

    def __str__(self) -> str:
        return f"{self.status or 'no answer'}: {self.message}"


@dataclass(frozen=True, slots=True)
class Posted:
    """The body of an answer, whatever it is, the endpoint's name for the request, and what it says of its limits."""

    body: object
    request_id: str = ""
    limits: Limits = UNSAID


Post = Callable[[Body], Posted]  # raises Rejected


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `finish` in our words: stop, length, filter or refusal; `tier` is the one really used.

    `estimated`: the endpoint did not say what it used, or nothing possible.
    """

    text: str
    finish: str
    tokens: Tokens
    tier: str
    request_id: str = ""
    retries: int = 0
    latency_ms: int = 0
    estimated: bool = False


RATE_LIMITED = 429
_TEMPORARY = (0, 408, 409, 425, 429)
_FATAL_CODES = ("insufficient_quota", "billing_hard_limit_reached", "model_not_found", "invalid_api_key")


class Tries:
    """What an endpoint's troubles mean for a run: when a call is tried again, and when calling stops for all.

    Safe to use from several threads. `name` is the model's, `setting` the key that names it; once `stop` is set, no
    further call begins.
    """

    def __init__(
        self,
        name: str,
        attempts: int,
        *,
        warn: Callable[[str], None],
        stop: threading.Event | None = None,
        sleep: Callable[[float], object] | None = None,
        rng: random.Random | None = None,
        setting: str = "openai.model",
    ) -> None:
        self._name = name
        self._setting = setting
        self._attempts = attempts
        self._warn = warn
        self._signal = stop or threading.Event()
        self._sleep = sleep or self._signal.wait
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._lock = threading.Lock()
        self._failures = 0
        self.stopped = ""

    def check(self) -> None:
        """Raises Stopped after a signal, and ModelStopped where calling has stopped."""
        if self._signal.is_set():
            raise Stopped("stopped by a signal; what was bought is kept, the rest waits for the next run")
        if self.stopped:
            raise ModelStopped(self.stopped)

    def stop(self, reason: str) -> NoReturn:
        """Ends all calls of this run, and says why once. Raises ModelStopped."""
        with self._lock:
            first = not self.stopped
            self.stopped = self.stopped or reason
        if first:
            self._warn(self.stopped)
        raise ModelStopped(self.stopped)

    def answered(self) -> None:
        """A call came to something."""
        with self._lock:
            self._failures = 0

    def failed(self, error: Rejected, attempt: int) -> None:
        """Waits until a call may be tried again; `attempt` counts from one.

        Raises Unanswered (TooLong) where trying again is of no use, ModelStopped where no call will succeed.
        """
        if error.overflows:
            raise TooLong(str(error), error.context)
        if error.status in (401, 403, 404) or error.code in _FATAL_CODES:
            self.stop(f"{self._name} refuses every call ({error}): check key, quota and {self._setting}")
        is_final = error.status not in _TEMPORARY and error.status < 500
        if is_final or attempt >= self._attempts:
            self._give_up(error)
        self._sleep(self._pause(error, attempt))

    def _give_up(self, error: Rejected) -> NoReturn:
        with self._lock:
            self._failures += 1
            out = self._failures >= FAILURES_IN_A_ROW
        if out:
            self.stop(f"{self._name} did not answer {FAILURES_IN_A_ROW} calls in a row ({error})")
        raise Unanswered(str(error))

    def _pause(self, error: Rejected, attempt: int) -> float:
        """Seconds to wait: what the server asks for, else twice as long each time; jitter parts the herd."""
        wait = error.retry_after if error.retry_after is not None else min(60.0, 0.25 * 2**attempt)
        return float(min(LONGEST_PAUSE, wait) * (1 + 0.5 * self._rng.random()))


class Model:
    """One endpoint and one model; safe to use from several threads."""

    def __init__(
        self,
        settings: OpenAISettings,
        post: Post,
        *,
        stop: threading.Event | None = None,
        sleep: Callable[[float], object] | None = None,
        rng: random.Random | None = None,
        warn: Callable[[str], None],
        refused: Collection[str] = (),
        learn: Callable[[frozenset[str]], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self._post = post
        self._warn = warn
        self._tries = Tries(settings.model, settings.attempts, warn=warn, stop=stop, sleep=sleep, rng=rng)
        self._gate = Gate(settings.concurrency)
        self._dialect = self._learnt = Dialect(settings.effort, frozenset(refused))
        self._learn = learn
        self._lock = threading.Lock()
        self._answered = False
        self._told = False

    @property
    def stopped(self) -> str:
        """Why nothing is asked any more in this run; empty while all is well."""
        return self._tries.stopped

    def stop(self, reason: str) -> NoReturn:
        """Ends all calls of this run, and says why once. Raises ModelStopped."""
        self._tries.stop(reason)

    def check(self) -> None:
        """Raises Stopped after a signal, and ModelStopped where calling has stopped."""
        self._tries.check()

    def roomy(self, prompt: Prompt) -> Prompt:
        """The prompt with room for an answer that no schema holds to its form, where the endpoint has none."""
        return self._dialect.roomy(prompt)

    def ask(self, prompt: Prompt, lost: Callable[[], None] = lambda: None) -> Reply:
        """The answer to one prompt, after as many tries as it takes; `lost` hears of each whose answer never came.

        Raises Unanswered (TooLong) where this call failed, ModelStopped where none will succeed, and Stopped.
        """
        tier: str = self.settings.service_tier
        refusals, started, attempt = 0, time.monotonic(), 0
        while True:
            self._tries.check()
            dialect = self._dialect
            body = dialect.body(self.settings.model, prompt, tier)
            try:
                with self._gate.place():
                    posted = self._post(body)
                reply = _reply(posted, prompt, attempt, started)
            except Rejected as error:
                if error.lost:
                    lost()
                if error.status == RATE_LIMITED:
                    self._gate.refused()
                if error.code == "content_filter":  # Azure refuses such prompts with a 400
                    return Reply("", "filter", Tokens(), tier)
                if self._speaks_plainer(error, dialect, body):
                    continue
                attempt += 1
                refusals += error.status == RATE_LIMITED
                if error.timed_out or error.code == "resource_unavailable" or refusals >= FLEX_REFUSALS:
                    tier = STANDARD
                self._tries.failed(error, attempt)
            else:
                self._gate.answered(posted.limits, reply.tokens.prompt)
                self._answered_well(reply, dialect)
                return reply

    def _answered_well(self, reply: Reply, dialect: Dialect) -> None:
        """What was left out is remembered now that it is known to have helped."""
        self._tries.answered()
        with self._lock:
            self._answered = True
            told, self._told = self._told, self._told or reply.estimated
            news = not dialect.refused <= self._learnt.refused
            self._learnt = dialect if news else self._learnt
        if news:
            self._learn(dialect.refused)
        if reply.estimated and not told:
            self._warn(f"{self.settings.model} says no possible usage: tokens are estimated from the characters")

    def _speaks_plainer(self, error: Rejected, dialect: Dialect, body: Body) -> bool:
        """True when the call may be tried again without something; another thread may have dropped it already."""
        if error.status not in (400, 422) or error.overflows or error.code in _FATAL_CODES:
            return False
        said = f"{error.param} {error.code} {error.message}"
        with self._lock:
            if dialect is not self._dialect:
                return True  # another thread dropped something while this was under way
            left = dialect.after(body, said, error.code, guess=not self._answered)
            if left is None:
                return False
            self._dialect, what = left
        self._warn(f"{self.settings.model} refuses {what} ({error.message}): not sent for the rest of the run")
        return True


def connect(settings: OpenAISettings, key: str, base_url: str, path: str = CHAT) -> Post:
    """Posts to one path through the openai package, imported here because it takes a third of a second."""
    import httpx2  # noqa: PLC0415 - only those who call a model pay for it
    import openai  # noqa: PLC0415

    client = openai.OpenAI(api_key=key, base_url=base_url or None, max_retries=0, timeout=settings.timeout_seconds)
    unsent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)

    def post(sent: dict[str, Any]) -> Posted:
        try:
            # Not chat.completions.create: walking a long request to drop unset values takes longer than sending it.
            answer = client.post(path, cast_to=httpx2.Response, body=sent)
            body = replies.parsed(answer.text)
            return Posted(body, answer.headers.get("x-request-id", ""), limits_of(answer.headers))
        except openai.APIStatusError as error:
            detail = error.body if isinstance(error.body, dict) else {}
            message = str(detail.get("message") or error.message)
            raise Rejected(
                status=error.status_code,
                message=without(key, message),
                code=replies.code_of(detail),
                param=str(detail.get("param") or ""),
                context=replies.context_of(message, detail),
                retry_after=_seconds(error.response.headers.get("retry-after")),
            ) from None
        except openai.APIConnectionError as error:
            lost = not isinstance(error.__cause__, unsent)
            timed_out = lost and isinstance(error, openai.APITimeoutError)
            message = f"{error} {error.__cause__ or ''}".strip()
            raise Rejected(0, message, timed_out=timed_out, lost=lost) from None
        except replies.NoAnswer as error:
            raise Rejected(error.status, without(key, error.message), error.code, lost=error.lost) from None

    return post


def without(key: str, message: str) -> str:
    """A server's message without the key, which some repeat."""
    return re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", "***", message) if len(key) >= SECRET_FROM else message


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _reply(posted: Posted, prompt: Prompt, retries: int, started: float) -> Reply:
    """What came back, in our words. Raises Rejected where there is nothing to read."""
    sent = replies.Sent(prompt.chars, prompt.size, prompt.max_tokens)
    try:
        answer = replies.read(posted.body, sent)
    except replies.NoAnswer as odd:
        context = replies.context_of(odd.message, {})
        raise Rejected(odd.status, odd.message, odd.code, lost=odd.lost, context=context) from None
    return Reply(
        text=answer.text,
        finish=answer.finish,
        tokens=answer.tokens,
        tier=FLEX if answer.tier == FLEX else STANDARD,
        request_id=posted.request_id or answer.id,
        retries=retries,
        latency_ms=round((time.monotonic() - started) * 1000),
        estimated=answer.estimated,
    )
