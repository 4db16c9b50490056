"""The certificate of SIP and HTTPS, and the trunks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from offhook.cli.doctor.certificates import certificate
from offhook.cli.doctor.finding import Finding, ok, problem, warning
from offhook.cli.doctor.threads import in_thread
from offhook.cli.trunk import ask
from offhook.clock import Clock
from offhook.errors import OffhookError
from offhook.records import Trunk
from offhook.settings import Settings
from offhook.store import Store, contents

TRUNK_S = 6.0
MOST_TRUNKS = 20


async def tls(settings: Settings) -> Finding:
    """The certificate that TLS and HTTPS are served with."""
    if settings.tls_certificate is None:
        if settings.http_tls:
            return problem("certificate", "http_tls is on, and there is no certificate", "set tls_certificate and tls_key")
        return ok("certificate", "none is set: SIP over TLS and HTTPS are off")
    return await certificate(settings.tls_certificate, settings.tls_key)


async def strangers(settings: Settings) -> Finding:
    """Who may call."""
    if settings.strangers == "refuse":
        return ok("strangers", "calls are taken from trunks and endpoints only")
    listens_inside = settings.sip.host in {"127.0.0.1", "::1"}
    if listens_inside:
        return ok("strangers", "everybody may call, and only this machine can")
    return warning(
        "strangers",
        "everybody who reaches the SIP port may call numbers and endpoints' applications",
        'set strangers = "refuse" once trunks and endpoints are there; until then expect scanners\' calls in the records',
    )


async def trunks(settings: Settings) -> Sequence[Finding]:
    """Whether each trunk answers OPTIONS, by the way that calls go."""
    stored = await in_thread(lambda: contents(settings.stored_in))
    if not stored.current:  # Nothing is changed here: opening it would bring its tables to this version.
        return [
            ok(
                "trunks",
                "none yet" if stored.version is None else "not looked at before the next start, which changes the tables",
            )
        ]
    store = await Store.open(settings.stored_in, clock=Clock())
    try:
        known = await store.telephony.trunks()
    except OffhookError as error:
        return [problem("trunks", str(error), "see the database's own finding")]
    finally:
        await store.aclose()
    if not known:
        return [ok("trunks", "none yet")]
    return await asyncio.gather(*(_trunk(each, settings) for each in known[:MOST_TRUNKS]))


async def _trunk(trunk: Trunk, settings: Settings) -> Finding:
    name = f"trunk {trunk.name}"
    try:
        async with asyncio.timeout(TRUNK_S):
            alive, why, took_ms = await ask(trunk, settings)
    except TimeoutError:
        alive, why, took_ms = False, f"no answer to OPTIONS within {TRUNK_S:g} s", 0.0
    if alive:
        return ok(name, f"{trunk.host} answers after {took_ms:.0f} ms")
    return problem(
        name, f"{trunk.host}: {why}", "check its host, port and transport, a firewall between, and whether it knows this address"
    )
