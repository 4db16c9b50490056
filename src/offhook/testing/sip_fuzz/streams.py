"""Byte streams, cut where it hurts: a stream is read alike however it arrives, and holds no more than a message."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from offhook.sip import Address, Framing, SipParseError, parse_message
from offhook.testing.sip_fuzz.grammar import METHODS, Grammar
from offhook.testing.sip_fuzz.mutation import hurt, hurt_bytes
from offhook.testing.sip_fuzz.watch import Finding, Watch

MAX_MESSAGE_BYTES = 65_535


def run(rng: random.Random, figures: Counter[str], corpus: Sequence[bytes]) -> None:
    """One stream: whole, in pieces, and its messages to a core."""
    grammar, parts = Grammar(rng), []
    for _ in range(rng.randrange(1, 6)):
        draft = grammar.request(rng.choice(METHODS), grammar.names(), transport="tcp")
        if grammar.maybe(0.5):
            hurt(rng, draft, rng.choice((1, 2)))
        parts.append(draft.to_bytes())
        parts.append(rng.choice((b"", b"", b"", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n\r\n", b"\0")))
    stream = b"".join(parts)
    if grammar.maybe(0.3):
        stream = hurt_bytes(rng, stream, [*corpus, *parts], rng.choice((1, 3)))
    whole = Framing()
    messages = whole.feed(stream)
    figures["stream bytes"] += len(stream)
    for message in messages[:-1] if whole.broken else messages:
        _cut_rightly(message)
    for step in rng.sample((1, 7, 97, 1460, 9000), 2):
        _compare(rng, stream, step if len(stream) < 20_000 else 1460, messages, whole)
    watch = Watch(rng, figures)
    for message in messages:
        watch.receive(message, Address("192.0.2.1", 40000, "tcp"))
    for invite in watch.arrived:
        invite.refuse(486)
    for request in watch.requests:
        request.respond(404)
    watch.requests.clear()
    watch.advance(200)
    watch.check_empty()


def _cut_rightly(message: bytes) -> None:
    try:
        parse_message(message, stream=True)
    except SipParseError as error:
        if str(error).startswith(("the Content-Length", "Content-Length says")):
            raise Finding(f"a stream goes on after a message whose length is not known ({error}): {message[:1500]!r}") from error


def _compare(rng: random.Random, stream: bytes, step: int, expected: list[bytes], whole: Framing) -> None:
    parts, got, at = Framing(), [], 0
    while at < len(stream):
        piece = stream[at : at + rng.randrange(1, step + 1)]
        got += parts.feed(piece)
        at += len(piece)
        if not parts.broken and len(parts._buffer) > MAX_MESSAGE_BYTES:
            raise Finding(f"a stream holds {len(parts._buffer)} bytes")
    if (got, parts.broken, parts.pings) != (expected, whole.broken, whole.pings):
        raise Finding(
            f"a stream is read differently in pieces of up to {step}: {len(got)} messages, broken {parts.broken}, "
            f"{parts.pings} pings; whole: {len(expected)}, {whole.broken}, {whole.pings}: {stream[:1500]!r}"
        )
