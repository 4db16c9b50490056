"""Our own calls, signed (RFC 8224 section 6.1, RFC 8588), and verified as others would."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import aiohttp
import jwt
import pytest
import trustme
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.sip import Request
from offhook.sip.identity import Signer, Verification, Verifier
from offhook.testing.signers import YEAR, Holder
from offhook.testing.virtual_time import run, virtual_clock

X5U = "https://certs.example/ours.pem"
ALICE, BOB = "12155551212", "12155551213"
ROOT = Holder.root()
SIGNER = ROOT.issue("Signer")


def request(
    fields: Sequence[tuple[str, str]], caller: str = f"sip:+{ALICE}@a.example", called: str = f"sip:+{BOB}@b.example"
) -> Request:
    return Request("INVITE", called, [("From", f"<{caller}>;tag=1"), ("To", f"<{called}>"), *fields])


async def verified(made: Request) -> Verification:
    async def fetch(url: str) -> bytes:
        assert url == X5U
        return SIGNER.pem

    verifier = Verifier(fetch, [ROOT.pem], virtual_clock())
    found = await verifier.verify(made)
    await verifier.aclose()
    return found


def signer(clock: Clock, **more: object) -> Signer:
    return Signer(**{"key": SIGNER.key_pem, "x5u": X5U, "attest": "A", "clock": clock, "ids": Ids(), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("caller", [f"+{ALICE}", ALICE, "+1 (215) 555-1212", f"sip:+{ALICE}@a.example", f"tel:+{ALICE}"])
@pytest.mark.parametrize("called", [BOB, ["12155559999", f"sip:+{BOB}@b.example;user=phone"]])
def test_what_we_sign_is_verified(caller: str, called: str | list[str]) -> None:
    async def main() -> None:
        fields = signer(virtual_clock()).fields(caller, called, attest="B")
        assert [name for name, _ in fields] == ["Date", "Identity"]
        found = await verified(request(fields))
        assert (found.status, found.attestation, found.number) == ("Verified", "B", ALICE)

    run(main())


def test_a_caller_without_a_number_is_signed_by_its_uri() -> None:
    async def main() -> None:
        fields = signer(virtual_clock()).fields("sip:alice@A.example:5070;transport=tcp", "sip:bob@b.example")
        found = await verified(request(fields, caller="sip:alice@a.example", called="sip:bob@b.example"))
        assert (found.status, found.number) == ("Verified", "sip:alice@a.example")

    run(main())


def test_each_call_has_an_origid_of_its_own_unless_one_is_configured() -> None:
    def origid(value: str | None) -> str:
        assert value is not None
        return str(jwt.decode(value.partition(";")[0], options={"verify_signature": False})["origid"])

    async def main() -> None:
        each = signer(virtual_clock())
        assert origid(each.sign(ALICE, BOB)) != origid(each.sign(ALICE, BOB))
        fixed = signer(virtual_clock(), origid="123E4567-e89b-12d3-a456-426655440000")
        assert origid(fixed.sign(ALICE, BOB)) == "123E4567-e89b-12d3-a456-426655440000"

    run(main())


def test_nobody_is_not_signed() -> None:
    async def main() -> None:
        each = signer(virtual_clock())
        for caller, called in [
            ("anonymous", BOB),
            ("sip:anonymous@anonymous.invalid", BOB),
            ("", BOB),
            ("sip:a.example", BOB),
            (ALICE, []),
            (ALICE, ["bob"]),
            (ALICE, [BOB] * 65),
        ]:
            assert each.sign(caller, called) is None, (caller, called)
            assert each.fields(caller, called) == []

    run(main())


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "nothing"},
        {"key": SIGNER.pem},
        {"key": ROOT.issue("R", key=rsa.generate_private_key(65537, 2048)).key_pem},
        {"key": ROOT.issue("R", key=ec.generate_private_key(ec.SECP384R1())).key_pem},
        {
            "key": ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
            )
        },
        {"x5u": "http://certs.example/a.pem"},
        {"x5u": "https://certs.example/a.pem> <b"},
        {"x5u": "certs.example"},
        {"x5u": "https://[::1/"},
        {"attest": "D"},
        {"origid": "trunk 1"},
    ],
)
def test_what_cannot_sign_is_said_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="STIR"):
        signer(Clock(), **wrong)


async def live(scheme: str) -> None:
    authority = trustme.CA()
    clock = Clock()
    now = clock.wall()
    root = Holder.root("Live root", begins=now - YEAR, ends=now + YEAR)
    own = root.issue("Live signer", begins=now - YEAR, ends=now + YEAR)
    served: list[str] = []

    async def serve(asked: web.Request) -> web.Response:
        served.append(asked.path)
        return web.Response(body=own.pem, content_type="application/pem-certificate-chain")

    application = web.Application()
    application.router.add_get("/signer.pem", serve)
    context: ssl.SSLContext | None = None
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/signer.pem"
    async with aiohttp.ClientSession() as session:

        async def fetch(wanted: str) -> bytes:
            async with session.get(wanted, ssl=trusting) as response:
                response.raise_for_status()
                return await response.read()

        verifier = Verifier(fetch, [root.pem.decode()], clock, allow_http=scheme == "http")
        each = signer(clock, key=own.key_pem, x5u=url, allow_http=scheme == "http")
        for _ in range(3):
            found = await verifier.verify(request(each.fields(ALICE, BOB)))
            assert (found.status, found.attestation) == ("Verified", "A"), found
        assert served == ["/signer.pem"]
        missing = signer(clock, key=own.key_pem, x5u=url + ".old", allow_http=scheme == "http")
        found = await verifier.verify(request(missing.fields(ALICE, BOB)))
        assert found.failure is not None
        assert found.failure.status == 436
        assert "404" in found.why
        await verifier.aclose()
    await runner.cleanup()


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_certificates_come_from_a_real_server(scheme: str) -> None:
    asyncio.run(live(scheme))
