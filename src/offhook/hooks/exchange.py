"""A request until it is answered: attempts, redirects and their limits (reference ``callbacks.md`` sections 2.2 and 2.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from offhook.clock import Clock
from offhook.errors import HookFailed, InvalidUrl
from offhook.events import HttpAttempted, Observe
from offhook.hooks.outgoing import Outgoing, compose
from offhook.hooks.policy import Policy, Trouble
from offhook.hooks.signature import Tokens
from offhook.hooks.target import Target
from offhook.hooks.transport import Answer, AttemptFailed, Transport

REDIRECTS = 5
RETRY_SPACING_S = 0.1


@dataclass(slots=True)
class Wish:
    """What is asked, and how."""

    purpose: str
    """For the timeline."""
    target: Target
    method: str
    parameters: Mapping[str, str]
    policy: Policy
    observe: Observe
    user_agent: str
    nonce: Callable[[], str]
    tokens: Tokens | None = None
    sign_v1: bool = False
    json: str | None = None
    """The body of a ``POST``, instead of the parameters."""
    extra_headers: tuple[tuple[str, str], ...] = ()
    limit: int | None = None
    """Octets of the reply's body that are wanted."""
    also_fine: int | None = None
    """A status that is as good as 2xx: 304 for a conditional request."""
    wanted: bool = True
    """Nobody waits any more: what is under way may end, nothing is repeated."""

    def compose(self, target: Target, *, redirected: bool) -> Outgoing:
        """The request to send to ``target``, signed anew."""
        # Where a GET is redirected to is for the server to say: the parameters are in that URL or not wanted (RFC 9110 15.4).
        parameters = {} if redirected and self.method == "GET" else self.parameters
        outgoing = compose(
            target,
            self.method,
            parameters,
            user_agent=self.user_agent,
            tokens=self.tokens,
            nonce=self.nonce(),
            sign_v1=self.sign_v1,
            json=self.json,
        )
        return Outgoing(outgoing.method, outgoing.url, outgoing.headers + self.extra_headers, outgoing.body)


@dataclass(frozen=True, slots=True)
class Success:
    """How it ended well."""

    answer: Answer
    target: Target
    """Who answered in the end."""
    attempts: int


async def exchange(wish: Wish, transport: Transport, clock: Clock) -> Success:
    """Ask until a 2xx reply arrives or the policy says that it is enough.

    Raises:
        HookFailed: with the reason of the last attempt.
    """
    deadline = clock.now() + wish.policy.total_s
    attempt = 0
    while True:
        attempt += 1
        failure = await _attempt(wish, attempt, deadline, transport, clock)
        if isinstance(failure, Success):
            return failure
        repeats = wish.policy.repeats(failure.trouble) and (not failure.partial or wish.policy.retry_partial)
        again = wish.wanted and repeats and attempt <= wish.policy.retries
        if not again or clock.now() + RETRY_SPACING_S >= deadline:
            repeatable = repeats and wish.policy.retries > 0
            raise HookFailed(wish.target.shown, failure.reason, failure.status, attempt, repeatable)
        await asyncio.sleep(RETRY_SPACING_S)


async def _attempt(wish: Wish, attempt: int, deadline: float, transport: Transport, clock: Clock) -> Success | AttemptFailed:
    """One attempt with its redirects, within its own time and what is left of the total."""
    began = clock.now()
    hurried = wish.policy.attempt_s is not None and began + wish.policy.attempt_s < deadline
    limit_s = wish.policy.attempt_s if hurried else deadline - began
    target = wish.target
    try:
        async with asyncio.timeout(limit_s):
            for hop in range(REDIRECTS + 1):
                answer = await _hop(wish, target, attempt, transport, clock, redirected=hop > 0)
                location = answer.headers.get("Location", "")
                if not _is_followed(answer.status, wish.method) or not location:
                    return _judged(answer, wish, target, attempt)
                target = target.follow(location)
    except AttemptFailed as failure:
        return failure
    except InvalidUrl:
        return AttemptFailed("redirects", "the redirect leads nowhere", Trouble.OTHER, answer.status)
    except TimeoutError:
        return AttemptFailed("read-timeout" if hurried else "total-timeout", "too slow", Trouble.READ)
    return AttemptFailed("redirects", f"more than {REDIRECTS} redirects", Trouble.OTHER, answer.status)


def _is_followed(status: int, method: str) -> bool:
    return status in (307, 308) or (method == "GET" and status in (301, 302, 303))


def _judged(answer: Answer, wish: Wish, target: Target, attempt: int) -> Success | AttemptFailed:
    if 200 <= answer.status < 300 or answer.status == wish.also_fine:
        return Success(answer, target, attempt)
    trouble = {4: Trouble.CLIENT_ERROR, 5: Trouble.SERVER_ERROR}.get(answer.status // 100, Trouble.OTHER)
    return AttemptFailed("status", f"HTTP {answer.status}", trouble, answer.status)


async def _hop(wish: Wish, target: Target, attempt: int, transport: Transport, clock: Clock, *, redirected: bool) -> Answer:
    """One request, with its event on the timeline whatever becomes of it."""
    began = clock.now()
    status: int | None = None
    size: int | None = None
    error = "given up"  # What stands there when a timeout or the end of the call interrupts it.
    try:
        answer = await transport.send(wish.compose(target, redirected=redirected), wish.policy, limit=wish.limit)
        status, error = answer.status, ""
        size = len(answer.body) if wish.limit is not None else None
        return answer
    except AttemptFailed as failure:
        status, error = failure.status, f"{failure.reason}: {failure.detail}"
        raise
    finally:
        duration_ms = round((clock.now() - began) * 1000)
        wish.observe(HttpAttempted(wish.purpose, wish.method, target.shown, attempt, duration_ms, status, error, size))
