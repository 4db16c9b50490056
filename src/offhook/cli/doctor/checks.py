"""All checks, and how they are run: side by side where they do not disturb each other, each for a limited time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from offhook.cli.doctor import address, configuration, disk, machine, names, ports, rtp, sound, speech, telephony, web
from offhook.cli.doctor.finding import Finding, problem
from offhook.errors import OffhookError
from offhook.settings import Settings

Outcome = Finding | Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at, or several of a kind."""

    name: str
    run: Callable[[Settings], Awaitable[Outcome]]
    limit_s: float = 9.0
    alone: bool = False
    """It measures time, so that nothing else may run meanwhile."""


CHECKS: list[Check] = [
    Check("settings", configuration.sensible),
    Check("SIP port", ports.sip),
    Check("HTTP port", ports.http),
    Check("RTP ports", rtp.ports),
    Check("descriptors", rtp.descriptors),
    Check("public address", address.public),
    Check("strangers", telephony.strangers),
    Check("certificate", telephony.tls),
    Check("trunks", telephony.trunks),
    Check("DNS", names.resolver),
    Check("names", names.known),
    Check("URLs", web.urls),
    Check("data folder", disk.folder),
    Check("database", disk.database),
    Check("clock", machine.clock),
    Check("machine", machine.size),
    Check("UDP buffers", machine.buffers),
    Check("voices", speech.voices),
    Check("RTP loop", sound.loop, limit_s=7.0, alone=True),
]
"""In the order in which they are shown; those that run alone come last."""


async def examine(settings: Settings, show: Callable[[Finding], None], checks: Sequence[Check] | None = None) -> list[Finding]:
    """Run the checks.

    Args:
        show: called with each finding as soon as it and those before it are there.
        checks: ``CHECKS`` unless given.

    Returns:
        All findings, in the order of the checks.
    """
    checks = CHECKS if checks is None else checks
    findings: list[Finding] = []

    def take(found: Sequence[Finding]) -> None:
        for finding in found:
            findings.append(finding)
            show(finding)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_result(check, settings), name=check.name) for check in checks if not check.alone]
        for task in tasks:
            take(await task)
    for check in checks:
        if check.alone:
            take(await _result(check, settings))
    return findings


async def _result(check: Check, settings: Settings) -> Sequence[Finding]:
    """What the check finds; that it fails or takes too long is a finding too."""
    try:
        async with asyncio.timeout(check.limit_s):
            found = await check.run(settings)
    except TimeoutError:
        remedy = "try again when the machine is less busy; if it stays so, look at what this check needs"
        return [problem(check.name, f"no result within {check.limit_s:g} s", remedy)]
    except OffhookError as error:
        return [problem(check.name, str(error), "the message says what is wrong")]
    except Exception as error:  # noqa: BLE001 - one check that is broken must not hide what the others find
        found_ = f"the check itself failed: {type(error).__name__}: {error}"
        return [problem(check.name, found_, "this is a defect of Offhook; please report it")]
    return [found] if isinstance(found, Finding) else found
