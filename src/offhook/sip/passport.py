"""PASSporT, a signed statement about who calls whom (RFC 8225, RFC 8588), as SIP carries it in Identity (RFC 8224). Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from offhook.sip.message import Request
from offhook.sip.parties import Party, callee_parties, canonical, from_parties, read_date
from offhook.sip.uri import read_parameters

MAX_IDENTITY_CHARACTERS = 8192
MAX_HEADER_BYTES = 2560
MAX_PAYLOAD_BYTES = 4096
MAX_URL_CHARACTERS = 2048
MAX_DESTINATIONS = 64
FRESH_S = 60
"""How far iat may be from now, and from Date (RFC 8224 section 6.2, step 4 and ATIS-1000074 section 5.3.1)."""
ALGORITHM = "ES256"
SHAKEN = "shaken"
_SIGNATURE_BYTES = 64

Attestation = Literal["A", "B", "C"]
ATTESTATIONS: tuple[Attestation, ...] = get_args(Attestation)
_SEGMENT = re.compile(r"[A-Za-z0-9_\-]*", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_URL = re.compile(r"[!#-;=?-~]{1,2048}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an Identity is not believed, with the answer that RFC 8224 section 6.2.2 has for it where calls are refused."""

    status: int
    phrase: str
    why: str

    @classmethod
    def stale(cls, why: str) -> Failure:
        """Too old, or from the future."""
        return cls(403, "Stale Date", why)

    @classmethod
    def bad_info(cls, why: str) -> Failure:
        """The certificate cannot be had."""
        return cls(436, "Bad Identity Info", why)

    @classmethod
    def unsupported(cls, why: str) -> Failure:
        """The certificate is there, and nothing that we trust."""
        return cls(437, "Unsupported Credential", why)

    @classmethod
    def invalid(cls, why: str) -> Failure:
        """It is malformed, says something else than the request, or its signature is wrong."""
        return cls(438, "Invalid Identity Header", why)

    def __str__(self) -> str:
        return f"{self.status} {self.phrase}: {self.why}"


@dataclass(frozen=True, slots=True)
class Identity:
    """An Identity field, taken apart and not yet decoded (RFC 8224 section 4)."""

    header: str
    """base64url; empty in the compact form, and then ``payload`` is empty too."""
    payload: str
    signature: str
    info: str
    """Where the certificate lies."""
    alg: str = ALGORITHM
    ppt: str | None = None
    """The extension that its claims follow; ``None`` for plain RFC 8225."""

    @classmethod
    def parse(cls, text: str) -> Identity | Failure:
        """Take one value apart: ``header.payload.signature;info=<url>;alg=ES256;ppt=shaken``. Nothing is raised."""
        if len(text) > MAX_IDENTITY_CHARACTERS:
            return Failure.invalid(f"it is longer than {MAX_IDENTITY_CHARACTERS} characters")
        token, _, rest = text.partition(";")
        parts = token.strip().split(".")
        if len(parts) != 3 or not all(_SEGMENT.fullmatch(part) for part in parts) or not parts[2]:
            return Failure.invalid("it does not begin with three base64url parts and dots between them")
        if bool(parts[0]) != bool(parts[1]):
            return Failure.invalid("it is neither the full form nor the compact one")
        pairs = [(name.lower(), value or "") for name, value in read_parameters(";" + rest)]
        parameters = dict(pairs)
        if len(parameters) != len(pairs):
            return Failure.invalid("a parameter stands in it twice")
        info = parameters.get("info", "")
        url = info[1:-1]
        if info != f"<{url}>" or not _URL.fullmatch(url):
            return Failure.bad_info("it has no info=<URL>")
        ppt = parameters.get("ppt")
        return cls(
            parts[0],
            parts[1],
            parts[2],
            url,
            parameters.get("alg", ALGORITHM).strip('"'),
            None if ppt is None else ppt.strip('"').lower(),
        )

    @property
    def compact(self) -> bool:
        """Whether the verifier has to put header and payload together from the request (RFC 8224 section 4.1)."""
        return not self.header

    def completed(self, request: Request, region: str | None = None) -> Identity | Failure:
        """The compact form with what the request says in the places left out (RFC 8224 section 6.2, RFC 8225 section 7).

        Only From, To and Date count, and only plain claims have this form. Nothing is raised.
        """
        if self.ppt is not None:
            return Failure.invalid(f"with ppt={self.ppt} the full form is needed")
        iat = read_date(request)
        if iat is None:
            return Failure.stale("the compact form needs a Date field that can be read")
        orig, dest = from_parties(request, region), callee_parties(request, region)
        if not orig or not dest:
            return Failure.invalid("From or To cannot be read")
        header, payload = _encoded(self.info, orig[0], dest[:1], iat)
        return replace(self, header=header, payload=payload)


@dataclass(frozen=True, slots=True)
class Passport:
    """What is claimed. Nothing in it is true before its signature, its numbers and its date have been looked at."""

    x5u: str
    orig: Party
    dest: tuple[Party, ...]
    """1 to ``MAX_DESTINATIONS``."""
    iat: int
    """When it was signed, s since 1970."""
    attest: Attestation | None
    """How well the signer knows the caller (RFC 8588 section 4); ``None`` where the claims are plain RFC 8225."""
    origid: str | None
    signed: bytes
    """What the signature is over."""
    signature: bytes
    """64 bytes: r and s (RFC 7518 section 3.4)."""

    @classmethod
    def read(cls, identity: Identity) -> Passport | Failure:
        """Decode the full form. Nothing is raised."""
        header = _object(identity.header, MAX_HEADER_BYTES)
        payload = _object(identity.payload, MAX_PAYLOAD_BYTES)
        signature = _bytes(identity.signature, _SIGNATURE_BYTES)
        if header is None or payload is None:
            return Failure.invalid("its header or its payload is not base64url of a JSON object, or is too long")
        wrong = _wrong_header(header, identity)
        if wrong is not None:
            return wrong
        if signature is None or len(signature) != _SIGNATURE_BYTES:
            return Failure.invalid("its signature is not 64 bytes long")
        orig, dest, iat = _origin(payload.get("orig")), _destinations(payload.get("dest")), _time(payload.get("iat"))
        if orig is None or dest is None or iat is None:
            missing = next(name for name, value in (("orig", orig), ("dest", dest), ("iat", iat)) if value is None)
            return Failure.invalid(f"its claim {missing} is missing or malformed")
        attest, origid = None, None
        if header.get("ppt") is not None:
            attest, origid = payload.get("attest"), payload.get("origid")
            if attest not in ATTESTATIONS or not is_uuid(origid):
                return Failure.invalid("its claim attest is not A, B or C, or its claim origid is not a UUID")
        signed = f"{identity.header}.{identity.payload}".encode()
        return cls(identity.info, orig, dest, iat, attest, origid, signed, signature)


def _wrong_header(header: dict[str, Any], identity: Identity) -> Failure | None:
    """What is wrong with the JOSE header (RFC 8225 section 4, RFC 7515 section 4.1)."""
    if header.get("alg") != ALGORITHM or identity.alg != ALGORITHM:
        return Failure.unsupported("its algorithm is not ES256")
    typ = header.get("typ")
    if not isinstance(typ, str) or typ.lower() != "passport":
        return Failure.invalid("its header has another typ than passport")
    if "crit" in header:
        return Failure.invalid("its header has extensions that must be understood, and are not")
    if header.get("x5u") != identity.info:
        return Failure.invalid("x5u in its header is not what info says")
    ppt = header.get("ppt")
    if ppt is not None and ppt != SHAKEN:
        return Failure.invalid("its header has a ppt that is not known here")
    if identity.ppt != ppt and (identity.ppt is not None or ppt is None):
        return Failure.invalid("ppt in its header is not what the parameter says")
    return None


def check(
    passport: Passport, parties: Sequence[Party], request: Request, now: float, region: str | None = None
) -> Failure | None:
    """Compare the claims with the request that brought them (RFC 8224 section 6.2, steps 2 to 5).

    Args:
        parties: whom the request gives out as the caller.
        now: s since 1970.
        region: the country whose national numbers are read, ISO 3166; ``None``: all numbers have their country code.

    Returns:
        ``None`` when they agree. The signature is another matter.
    """
    if abs(now - passport.iat) > FRESH_S:
        return Failure.stale(f"it was signed {now - passport.iat:.0f} s ago, {FRESH_S} s either way are allowed")
    if request.header("date") is not None:
        date = read_date(request)
        if date is None or abs(date - passport.iat) > FRESH_S:
            return Failure.stale(f"Date is malformed, or more than {FRESH_S} s from the time of the signature")
    if passport.orig not in parties:
        return Failure.invalid(f"it is for a call from {passport.orig.value}, which is not the caller here")
    if not set(passport.dest) & set(callee_parties(request, region)):
        return Failure.invalid("it is for a call to somebody else")
    return None


def fits(signed: bytes, signature: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether an ES256 signature is right (RFC 7518 section 3.4).

    Args:
        signature: r and s, 32 bytes each; any other length is wrong.
        key: on P-256.
    """
    if len(signature) != _SIGNATURE_BYTES:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def sign(
    key: ec.EllipticCurvePrivateKey,
    x5u: str,
    orig: Party,
    dest: Sequence[Party],
    iat: int,
    *,
    attest: Attestation | None = None,
    origid: str | None = None,
) -> str:
    """The value of an Identity field, full form.

    Args:
        key: on P-256.
        x5u: where the certificate of ``key`` lies; no blanks and no angle brackets.
        dest: at least one.
        iat: now, s since 1970.
        attest: with it the claims are SHAKEN's (RFC 8588), and ``origid``, a UUID, must be there; without, plain RFC 8225.
    """
    header, payload = _encoded(x5u, orig, dest, iat, attest, origid)
    signing_input = f"{header}.{payload}"
    r, s = utils.decode_dss_signature(key.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
    signature = _text(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"{signing_input}.{signature};info=<{x5u}>;alg={ALGORITHM}" + (f";ppt={SHAKEN}" if attest else "")


def _encoded(
    x5u: str, orig: Party, dest: Sequence[Party], iat: int, attest: Attestation | None = None, origid: str | None = None
) -> tuple[str, str]:
    """Header and payload in base64url, their JSON in the one form that is signed (RFC 8225 section 9)."""
    header = {"alg": ALGORITHM, "typ": "passport", "x5u": x5u}
    called: dict[str, list[str]] = {}
    for kind, value in dest:
        called.setdefault(kind, []).append(value)
    payload: dict[str, Any] = {"dest": called, "iat": iat, "orig": {orig.kind: orig.value}}
    if attest is not None:
        header["ppt"] = SHAKEN
        payload |= {"attest": attest, "origid": origid}
    plain = (json.dumps(each, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for each in (header, payload))
    encoded_header, encoded_payload = (_text(each.encode()) for each in plain)
    return encoded_header, encoded_payload


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str, limit: int) -> bytes | None:
    """base64url without padding, in its one right form: what cannot come back from its bytes is refused (RFC 7515 section 2)."""
    if len(text) > (limit + 2) // 3 * 4 or len(text) % 4 == 1 or not _SEGMENT.fullmatch(text):
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if len(data) <= limit and _text(data) == text else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand once each: with two, the signer may have meant the other (RFC 7515 section 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _object(text: str, limit: int) -> dict[str, Any] | None:
    data = _bytes(text, limit)
    if data is None:
        return None
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _origin(claim: Any) -> Party | None:
    """The one caller (RFC 8225 section 5.2.1)."""
    if not isinstance(claim, dict):
        return None
    found = [(kind, claim[kind]) for kind in ("tn", "uri") if kind in claim]
    return canonical(*found[0]) if len(found) == 1 else None


def _destinations(claim: Any) -> tuple[Party, ...] | None:
    """Those called: numbers, URIs or both, each in an array (RFC 8225 section 5.2.1)."""
    if not isinstance(claim, dict):
        return None
    lists = [(kind, claim[kind]) for kind in ("tn", "uri") if kind in claim]
    if not all(isinstance(values, list) for _, values in lists):
        return None
    if not 0 < sum(len(values) for _, values in lists) <= MAX_DESTINATIONS:
        return None
    parties = [canonical(kind, value) for kind, values in lists for value in values]
    known = tuple(party for party in parties if party is not None)
    return known if len(known) == len(parties) else None


def is_uuid(value: object) -> bool:
    """Whether it is a UUID in text (RFC 4122 section 3)."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _time(claim: Any) -> int | None:
    """A NumericDate (RFC 7519 section 2), in whole seconds."""
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not 0 <= claim < 2**53:
        return None
    return int(claim)
