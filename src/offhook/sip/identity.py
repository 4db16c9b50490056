"""STIR/SHAKEN as a service (RFC 8224 sections 5 and 6): is this caller who it says, and the same statement for our own calls."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.sip import passport
from offhook.sip.certificates import Credential, read_anchors, read_chain, validate
from offhook.sip.errors import SipParseError
from offhook.sip.message import Request
from offhook.sip.parties import Party, addresses, caller_parties, canonical_number, parties, show_date
from offhook.sip.passport import ATTESTATIONS, MAX_URL_CHARACTERS, SHAKEN, Attestation, Failure, Identity, Passport
from offhook.sip.uri import NameAddr, Uri

MAX_IDENTITIES = 4
"""Identity fields of one request that are looked at."""
VERIFIED_WITHIN_S = 2.0
CACHED_S = 24 * 3600.0
REFUSED_S = 60.0
"""How long a certificate that could not be had, or was no good, is not asked for again; and how young one is believed to be the
newest although a signature does not fit it."""
MAX_CACHED = 1024
"""Good certificates that are kept, and as many URLs with bad ones."""
MAX_FETCHES = 16
"""At a time: callers choose what we fetch."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets what lies at a URL. It sees to it that this is no address of ours, and that no more is read than
``certificates.MAX_CHAIN_BYTES``. Whatever it raises counts as *cannot be had*."""

_VERSTAT = re.compile(r"(tn-validation-passed|tn-validation-failed|no-tn-validation)(?:-([abc]))?", re.IGNORECASE | re.ASCII)
_PRINTABLE = re.compile(r"[!#-;=?-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verification:
    """What is known about the caller's number, in the words of the webhooks (reference ``callbacks.md`` section 3)."""

    status: Literal["Verified", "Not Verified", "Not Applicable"]
    """``STIRVerification``."""
    attestation: Literal["A", "B", "C", "Not Applicable"]
    """``STIRAttestation``."""
    why: str
    """For the timeline."""
    number: str = ""
    """Whom the signature is for, digits with country code or ``sip:user@host``; empty unless we have verified one ourselves."""
    failure: Failure | None = None
    """What an Identity that is not believed would be refused with, where somebody wants to refuse it."""


NOT_APPLICABLE = Verification("Not Applicable", "Not Applicable", "the request says nothing about its caller's number")


def verstat(request: Request) -> Verification:
    """What the network before us says that it has found (3GPP TS 24.229 section 7.2A.20). Believe it of a trusted peer only.

    Nothing is raised.
    """
    for name in ("p-asserted-identity", "from"):
        for address in addresses(request, name):
            said = _said(address)
            found = None if said is None else _VERSTAT.fullmatch(said)
            if found is None:
                continue
            if found[1].lower() != "tn-validation-passed":
                return Verification("Not Verified", "Not Applicable", f"the network says verstat={said}")
            level = (found[2] or request.header("p-attestation-indicator") or "").strip().upper()
            known = next((each for each in ATTESTATIONS if each == level), None)
            return Verification("Verified", known or "Not Applicable", f"the network says verstat={said}")
    return NOT_APPLICABLE


def _said(address: NameAddr) -> str | None:
    """The verstat parameter: of a tel URI, of the number in a SIP URI, or behind the address."""
    behind_number = [part.partition("=") for part in (address.uri.user or "").split(";")[1:]]
    pairs = [*address.uri.parameters, *((name, value) for name, _, value in behind_number), *address.parameters]
    return next((value for name, value in pairs if name.lower() == "verstat" and value), None)


class Verifier:
    """Verifies the Identity of requests. Nothing that a peer sends makes it raise.

    Args:
        fetch: gets certificates.
        trust: PEM texts with the certificates of trusted authorities; with none, only ``verstat`` counts.
        allow_http: certificates may lie behind plain HTTP, for closed networks and tests.

    Raises:
        SettingsError: a trusted certificate is none.
    """

    def __init__(self, fetch: Fetch, trust: Sequence[bytes | str], clock: Clock, *, allow_http: bool = False) -> None:
        self._anchors = read_anchors(trust)
        self._clock = clock
        self._schemes = {"https", "http"} if allow_http else {"https"}
        self._cache = CertificateCache(self._get, clock)
        self._fetch = fetch

    async def verify(self, request: Request, *, region: str | None = None, trusted: bool = True) -> Verification:
        """Judge a request, within ``VERIFIED_WITHIN_S``.

        Args:
            region: the country in whose national form the peer writes numbers, ISO 3166; ``None``: with country code.
            trusted: the peer's ``P-Asserted-Identity`` and ``verstat`` are believed.

        Returns:
            What the Identity is worth, where there is one of a kind that we know and we trust somebody; else what the network
            says.
        """
        identities = _known(request) if self._anchors else []
        if not identities:
            return verstat(request) if trusted else NOT_APPLICABLE
        callers = caller_parties(request, region, trusted=trusted)
        failure: Failure | None = None
        try:
            async with asyncio.timeout(VERIFIED_WITHIN_S):
                for identity in identities:
                    found = await self._judge(identity, callers, request, region)
                    if isinstance(found, Verification):
                        return found
                    failure = failure or found
        except TimeoutError:
            failure = failure or Failure.bad_info(f"its certificate did not come within {VERIFIED_WITHIN_S:.0f} s")
        return Verification("Not Verified", "Not Applicable", str(failure), failure=failure)

    async def aclose(self) -> None:
        """Stop fetching; verifications that wait end as not verified."""
        await self._cache.aclose()

    async def _judge(
        self, identity: Identity | Failure, callers: Sequence[Party], request: Request, region: str | None
    ) -> Verification | Failure:
        if isinstance(identity, Identity) and identity.compact:
            identity = identity.completed(request, region)
        if isinstance(identity, Failure):
            return identity
        claims = Passport.read(identity)
        if isinstance(claims, Failure):
            return claims
        # What costs nothing comes first: nobody makes us fetch a certificate with a token that would not count anyway.
        failure = passport.check(claims, callers, request, self._clock.wall().timestamp(), region) or self._refused(claims.x5u)
        return failure or await self._judge_signature(claims)

    def _refused(self, url: str) -> Failure | None:
        """Why a certificate is not fetched from there."""
        if not _is_url(url, self._schemes):
            return Failure.bad_info(f"info is not a URL of {' or '.join(sorted(self._schemes))}")
        return None

    async def _judge_signature(self, claims: Passport) -> Verification | Failure:
        credential = await self._credential(claims)
        if isinstance(credential, Failure):
            return credential
        if credential.numbers is not None and not credential.numbers.covers(claims.orig):
            return Failure.unsupported(f"the certificate is not for {claims.orig.value}")
        why = f"signed by {credential.subject} for {claims.orig.value}"
        if credential.numbers is None:
            why += ", whose certificate has no TNAuthList"
        return Verification("Verified", claims.attest or "Not Applicable", why, claims.orig.value)

    async def _credential(self, claims: Passport) -> Credential | Failure:
        """The signer's, once the signature fits its key."""
        # Signers renew their certificates in place: where the one that we know does not fit, there may be a newer one.
        for younger_than_s in (CACHED_S, REFUSED_S):
            credential = await self._cache.get(claims.x5u, younger_than_s=younger_than_s)
            if isinstance(credential, Failure) or passport.fits(claims.signed, claims.signature, credential.key):
                return credential
        return Failure.invalid("its signature does not fit")

    async def _get(self, url: str) -> Credential | Failure:
        try:
            data = await self._fetch(url)
        except Exception as error:  # noqa: BLE001 - a task ends here; what cannot be fetched fails one verification
            return Failure.bad_info(f"its certificate cannot be fetched: {(str(error) or type(error).__name__)[:200]}")
        chain = read_chain(data)
        return chain if isinstance(chain, Failure) else validate(chain, self._anchors, self._clock.wall())


def _known(request: Request) -> list[Identity | Failure]:
    """The Identity fields that we can judge, SHAKEN's first; those of other extensions count as absent (RFC 8224 section 6.2)."""
    read = [Identity.parse(value) for value in request.items("identity")[:MAX_IDENTITIES]]
    known = [each for each in read if isinstance(each, Failure) or each.ppt in {None, SHAKEN}]
    return sorted(known, key=lambda each: isinstance(each, Failure) or each.ppt is None)


def _is_url(text: str, schemes: set[str]) -> bool:
    if len(text) > MAX_URL_CHARACTERS or not _PRINTABLE.fullmatch(text):
        return False
    try:
        url = urlsplit(text)
        return url.scheme in schemes and bool(url.hostname) and url.username is None and url.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Kept:
    found: Credential | Failure
    since: float
    """Loop time, s."""


class CertificateCache:
    """Credentials by URL: each is got once, however many ask, and kept for ``CACHED_S`` at most.

    Good and bad ones are kept apart, so that a flood of bad URLs does not drive out what real calls need.

    Args:
        get: does not raise.
    """

    def __init__(self, get: Callable[[str], Awaitable[Credential | Failure]], clock: Clock) -> None:
        self._get = get
        self._clock = clock
        self._good: OrderedDict[str, _Kept] = OrderedDict()
        self._bad: OrderedDict[str, _Kept] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[Credential | Failure]] = {}

    async def get(self, url: str, *, younger_than_s: float = CACHED_S) -> Credential | Failure:
        """The credential, from the cache when it is young enough.

        Where a younger one is wanted and cannot be had, the old one is what there is.
        """
        good = self._kept(self._good, url, CACHED_S)
        if good is not None and self._clock.now() - good.since < younger_than_s:
            return good.found
        bad = self._kept(self._bad, url, REFUSED_S)
        if bad is None:
            found = await self._fetched(url)
        else:
            found = bad.found
        return good.found if good is not None and isinstance(found, Failure) else found

    def __len__(self) -> int:
        return len(self._good) + len(self._bad)

    async def aclose(self) -> None:
        """Stop what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()  # one that had not begun yet has not removed itself

    def _kept(self, kept: OrderedDict[str, _Kept], url: str, at_most_s: float) -> _Kept | None:
        entry = kept.get(url)
        if entry is None:
            return None
        outdated = isinstance(entry.found, Credential) and entry.found.valid_until < self._clock.wall()
        if outdated or self._clock.now() - entry.since >= at_most_s:
            del kept[url]
            return None
        kept.move_to_end(url)
        return entry

    async def _fetched(self, url: str) -> Credential | Failure:
        task = self._tasks.get(url)
        if task is None:
            if len(self._tasks) >= MAX_FETCHES:
                return Failure.bad_info("too many certificates are being fetched")
            task = self._tasks[url] = asyncio.create_task(self._fetch(url), name="fetch a STIR certificate")
        # Whoever waits may give up; the others, and the next call, still want it.
        waited, _ = await asyncio.wait({task})
        return Failure.bad_info("fetching its certificate was given up") if task.cancelled() else waited.pop().result()

    async def _fetch(self, url: str) -> Credential | Failure:
        try:
            async with asyncio.timeout(VERIFIED_WITHIN_S):
                found = await self._get(url)
        except TimeoutError:
            found = Failure.bad_info(f"its certificate did not come within {VERIFIED_WITHIN_S:.0f} s")
        finally:
            self._tasks.pop(url, None)
        kept = self._good if isinstance(found, Credential) else self._bad
        kept[url] = _Kept(found, self._clock.now())
        kept.move_to_end(url)
        if len(kept) > MAX_CACHED:
            kept.popitem(last=False)
        return found


class Signer:
    """Signs our own calls (RFC 8224 section 6.1, RFC 8588).

    Args:
        key: PEM of a private key on P-256, not encrypted.
        x5u: where everybody can fetch its certificate.
        attest: ``A``: we know the customer, and that the number is theirs; ``B``: we know the customer; ``C``: neither.
        origid: a UUID that stands for where the calls come from; ``None``: a new one for each call.
        allow_http: see ``Verifier``.

    Raises:
        SettingsError: the key, the URL, the attestation or the UUID is none.
    """

    def __init__(
        self,
        key: bytes | str,
        x5u: str,
        attest: Attestation,
        *,
        clock: Clock,
        ids: Ids,
        origid: str | None = None,
        allow_http: bool = False,
    ) -> None:
        self._key = _private_key(key)
        if not _is_url(x5u, {"https", "http"} if allow_http else {"https"}):
            raise SettingsError(f"the STIR certificate's URL {x5u!r} is not an https:// URL")
        if attest not in ATTESTATIONS:
            raise SettingsError(f"the STIR attestation {attest!r} is not A, B or C")
        if origid is not None and not passport.is_uuid(origid):
            raise SettingsError(f"the STIR origid {origid!r} is not a UUID")
        self._x5u, self._attest, self._origid = x5u, attest, origid
        self._clock, self._ids = clock, ids

    def sign(self, caller: str, called: str | Sequence[str], *, attest: Attestation | None = None) -> str | None:
        """The value of the Identity field; ``None`` where one of them has no name that could be signed (``anonymous``).

        Args:
            caller: a number with country code, with or without ``+``, or a ``sip:``, ``sips:`` or ``tel:`` URI, as From has it.
            called: the same of those called, 1 to ``passport.MAX_DESTINATIONS``.
            attest: for this call, in place of the signer's own.
        """
        return self._sign(caller, called, attest, self._now())

    def fields(self, caller: str, called: str | Sequence[str], *, attest: Attestation | None = None) -> list[tuple[str, str]]:
        """The header fields that a signed request has: Date and Identity; none where nothing can be signed. See ``sign``."""
        iat = self._now()
        value = self._sign(caller, called, attest, iat)
        return [] if value is None else [("Date", show_date(iat)), ("Identity", value)]

    def _now(self) -> int:
        return int(self._clock.wall().timestamp())

    def _sign(self, caller: str, called: str | Sequence[str], attest: Attestation | None, iat: int) -> str | None:
        orig = _named(caller)
        dest = [_named(each) for each in ([called] if isinstance(called, str) else called)]
        known = [each for each in dest if each is not None]
        if orig is None or not known or len(known) != len(dest) or len(dest) > passport.MAX_DESTINATIONS:
            return None
        origid = self._origid or self._ids.call_uuid()
        return passport.sign(self._key, self._x5u, orig, known, iat, attest=attest or self._attest, origid=origid)


def _private_key(pem: bytes | str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"the STIR key is not an unencrypted private key in PEM: {type(error).__name__}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SettingsError("the STIR key is not on the curve P-256 (openssl ecparam -genkey -name prime256v1 makes one)")
    return key


def _named(text: str) -> Party | None:
    """A number or a URI as a party; ``None`` for nobody."""
    number = canonical_number(text)
    if number is not None:
        return Party("tn", number)
    try:
        uri = Uri.parse(text)
    except SipParseError:
        return None
    if uri.host.lower() == "anonymous.invalid" or (uri.user or "").lower() == "anonymous":
        return None
    return next(iter(parties(uri)), None)
