"""Ways to hurt a message: its bytes, its fields, its shape."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from offhook.testing.sip_fuzz.grammar import COMPACT, Draft, Grammar

SNIPPETS = (
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\n ",
        b"\r",
        b"\0",
        b"\x0b",
        b"\x85",
        b"\xff",
        b"\xc0\x80",
        "\u2028".encode(),
        "\u00a0".encode(),
    ),
    *(b'"', b"\\", b'\\"', b"<", b">", b",", b";", b":", b";;,;,,", b"%", b"%00", b"[", b"]", b"@", b"?", b"=", b" ", b"\t"),
    *(
        b";tag=",
        b";tag=x",
        b"z9hG4bK",
        b"SIP/2.0",
        b"-1",
        b"99999999999999999999",
        "²".encode(),
        b";lr",
        b"Content-Length: 99999999999\r\n",
    ),
    *(b"Content-Length: 0\r\n", b"\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx", b"\r\nTo: <sip:x@y>", b"*"),
)
"""What is put into values and between bytes."""

Mutation = Callable[[random.Random, Draft], None]


def hurt(rng: random.Random, draft: Draft, times: int) -> None:
    """Change a draft in place, so many times; ``draft.notes`` says how."""
    for _ in range(times):
        change = rng.choice(FIELD_LEVEL + SHAPE_LEVEL)
        change(rng, draft)
        draft.notes.append(change.__name__.strip("_"))


def hurt_bytes(rng: random.Random, data: bytes, others: Sequence[bytes], times: int) -> bytes:
    """The bytes of a message with so many injuries; pieces of ``others`` may be spliced in."""
    hurt_one = bytearray(data)
    for _ in range(times):
        at = rng.randrange(len(hurt_one) + 1)
        draw = rng.randrange(7)
        if draw == 0:
            hurt_one[at:at] = rng.choice(SNIPPETS)
        elif draw == 1:
            del hurt_one[at : at + rng.choice((1, 2, 8, 60, 400))]
        elif draw == 2 and at < len(hurt_one):
            hurt_one[at] ^= 1 << rng.randrange(8)
        elif draw == 3:
            hurt_one[at:at] = hurt_one[at : at + 40] * rng.randrange(1, 6)
        elif draw == 4:
            del hurt_one[at:]
        elif draw == 5 and others:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            hurt_one[at:at] = other[start : start + rng.choice((10, 100, 2000))]
        else:
            hurt_one[at:at] = rng.randbytes(rng.randrange(1, 9))
    return bytes(hurt_one)


def _pick(rng: random.Random, draft: Draft) -> int:
    return rng.randrange(len(draft.fields)) if draft.fields else -1


def _duplicate(rng: random.Random, draft: Draft) -> None:
    if draft.fields:
        draft.fields.insert(rng.randrange(len(draft.fields) + 1), rng.choice(draft.fields))


def _duplicate_many(rng: random.Random, draft: Draft) -> None:
    if draft.fields:
        name, value = rng.choice(draft.fields)
        name = COMPACT.get(name, name) if rng.random() < 0.5 else name
        draft.fields += [(name, value[: rng.choice((1, 3, 4000))])] * rng.choice((2, 20, 245, 300))


def _drop(rng: random.Random, draft: Draft) -> None:
    if draft.fields:
        del draft.fields[_pick(rng, draft)]


def _swap(rng: random.Random, draft: Draft) -> None:
    if draft.fields:
        one, other = _pick(rng, draft), _pick(rng, draft)
        draft.fields[one], draft.fields[other] = draft.fields[other], draft.fields[one]


def _swap_values(rng: random.Random, draft: Draft) -> None:
    if draft.fields:
        one, other = _pick(rng, draft), _pick(rng, draft)
        (first, left), (second, right) = draft.fields[one], draft.fields[other]
        draft.fields[one] = (first, right)
        draft.fields[other] = (second, left)


def _value(change: Callable[[random.Random, str], str]) -> Mutation:
    def mutation(rng: random.Random, draft: Draft) -> None:
        at = _pick(rng, draft)
        if at >= 0:
            name, value = draft.fields[at]
            draft.fields[at] = (name, change(rng, value))

    mutation.__name__ = change.__name__
    return mutation


def _empty(_rng: random.Random, _value: str) -> str:
    return ""


def _huge(rng: random.Random, value: str) -> str:
    piece = rng.choice((value or "x", "a", '"', "\\", "<", ",", ";", ";x=1", ", <sip:a@b>", "(", "%", " ", "大", ";tag=1"))
    return value + piece * (rng.choice((300, 3000, 31_000, 40_000)) // len(piece))


def _insert(rng: random.Random, value: str) -> str:
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.choice(SNIPPETS).decode("utf-8", "surrogateescape") + value[at:]


def _cut_value(rng: random.Random, value: str) -> str:
    at = rng.randrange(len(value) + 1)
    return value[:at] + value[at + rng.choice((1, 2, 10, 1000)) :]


def _quoted(rng: random.Random, value: str) -> str:
    return rng.choice(('"{}"', '"{}', '{}"', '"\\"{}\\""', '"{}\\', "<{}>", "<<{}>>", "<{}", "({})", "'{}'")).replace("{}", value)


def _folded(rng: random.Random, value: str) -> str:
    return value.replace(" ", rng.choice(("\r\n ", "\r\n\t\t", "\n ", " \r\n  ", "\t")))


def _numbers(rng: random.Random, value: str) -> str:
    new = Grammar(rng).number()
    return "".join(new if each.isdigit() and rng.random() < 0.3 else each for each in value)


def _listed(rng: random.Random, value: str) -> str:
    return rng.choice((value + ", " + value, value + ",", "," + value, value + ",,,," + value, value.replace(",", "")))


def _compact(rng: random.Random, draft: Draft) -> None:
    back = {short: name for name, short in COMPACT.items()}
    draft.fields = [
        (COMPACT.get(name, back.get(name, name)) if rng.random() < 0.7 else name, value) for name, value in draft.fields
    ]


def _spelling(rng: random.Random, draft: Draft) -> None:
    change = rng.choice(
        (str.upper, str.lower, str.swapcase, lambda name: name + " ", lambda name: name + "\t ", lambda name: " " + name)
    )
    draft.fields = [(change(name), value) if rng.random() < 0.5 else (name, value) for name, value in draft.fields]


def _another(rng: random.Random, draft: Draft) -> None:
    draft.fields.insert(rng.randrange(len(draft.fields) + 1), Grammar(rng).extra())


def _shuffle(rng: random.Random, draft: Draft) -> None:
    rng.shuffle(draft.fields)


def _first_line(rng: random.Random, draft: Draft) -> None:
    first = draft.first
    draft.first = rng.choice(
        (
            *(first.replace(" ", "  "), first + " ", " " + first, first.lower(), first.replace(" ", "\t"), first * 400),
            *(first.replace("2.0", rng.choice(("7.0", "2", "2.00", "0002.0", "x"))), _insert(rng, first), _cut_value(rng, first)),
            *(_numbers(rng, first), _quoted(rng, first), first.split(" ", maxsplit=1)[0], "", "\r\n\r\n" + first),
            *(first.replace("sip:", "tel:"), f"SIP/2.0 {Grammar(rng).number()} x", "INVITE <sip:a@b> SIP/2.0"),
            "INVITE sip:a@b?Route=%3Csip:x%3E SIP/2.0",
        )
    )


def _length(rng: random.Random, draft: Draft) -> None:
    draft.fields = [each for each in draft.fields if each[0].lower() not in {"content-length", "l"}]
    wrong = rng.choice((str(len(draft.body) + 1), str(max(0, len(draft.body) - 1)), "0", "-999", "9" * 30, "x", "", "1, 1", "²"))
    draft.fields.append((rng.choice(("Content-Length", "l", "CONTENT-LENGTH")), wrong))


def _body(rng: random.Random, draft: Draft) -> None:
    body = draft.body
    draft.body = rng.choice(
        (
            *(b"", body[: rng.randrange(len(body) + 1)], body * 5, rng.randbytes(200), b"\r\n" * 50 + body, body + b"\0" * 3000),
            *(body.replace(b"\r\n", b"\n"), body.replace(b"m=", b"m=audio 1 RTP/AVP 0\r\nm="), body.replace(b"IP4", b"IP6")),
            b"x" * 66_000,
        )
    )


def _another_body(rng: random.Random, draft: Draft) -> None:
    kind, draft.body = Grammar(rng).content()
    draft.fields = [each for each in draft.fields if each[0].lower() not in {"content-type", "c"}]
    if kind:
        draft.fields.append(("Content-Type", kind))


FIELD_LEVEL: tuple[Mutation, ...] = (
    *(_duplicate, _drop, _drop, _swap_values, _another, _duplicate_many),
    *map(_value, (_empty, _huge, _insert, _insert, _cut_value, _quoted, _folded, _numbers, _listed)),
)
SHAPE_LEVEL: tuple[Mutation, ...] = (_swap, _compact, _spelling, _shuffle, _first_line, _length, _body, _another_body)
