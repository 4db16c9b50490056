"""``offhook doctor``: what is wrong with this node or its surroundings, in words, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from offhook.cli.doctor.finding import Finding
    from offhook.settings import Settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("doctor")(doctor)


def doctor(
    dev: Annotated[bool, typer.Option("--dev", help="As with serve: customers' URLs may be on loopback.")] = False,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None,
    answer_url: Annotated[str | None, typer.Option(help="Answers any number that has no application.")] = None,
    data: Annotated[str | None, typer.Option(help="Folder for the database and caches.")] = None,
    sip: Annotated[str | None, typer.Option(help="host:port for SIP, UDP and TCP.")] = None,
    http: Annotated[str | None, typer.Option(help="host:port for HTTP.")] = None,
    rtp_ports: Annotated[str | None, typer.Option(help="low-high, the UDP ports for audio.")] = None,
    public_address: Annotated[str | None, typer.Option(help="The address that peers reach this node at.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a finding, one a line.")] = False,
) -> None:
    """Check the settings, ports, addresses, names, URLs, sound, voices, disk and clock of a node.

    Takes the settings as serve does; a node may be running. Each finding is ok, a warning or a problem, and says what to do.
    Ends within 20 s. Exit status: 0 no problems, 1 problems.
    """
    from offhook.errors import SettingsError  # noqa: PLC0415 - the other commands start without
    from offhook.settings import load  # noqa: PLC0415

    flags = {
        "answer_url": answer_url,
        "data": data,
        "sip": sip,
        "http": http,
        "rtp_ports": rtp_ports,
        "public_address": public_address,
        "allow_private_urls": "true" if dev else None,
    }
    try:
        settings: Settings | str = load(file=config, flags=flags)
    except SettingsError as error:
        settings = str(error)
    findings = _run(settings, as_json=as_json)
    raise typer.Exit(1 if any(finding.level == "problem" for finding in findings) else 0)


def _run(settings: Settings | str, *, as_json: bool) -> list[Finding]:
    """Examine, showing each finding as it comes; settings that cannot be read are the only finding then."""
    import asyncio  # noqa: PLC0415
    import logging  # noqa: PLC0415

    from offhook.cli.doctor import report  # noqa: PLC0415
    from offhook.cli.doctor.checks import examine  # noqa: PLC0415
    from offhook.cli.doctor.finding import problem  # noqa: PLC0415

    # What the parts that are tried out would log, the findings say.
    logging.getLogger("offhook").addHandler(logging.NullHandler())
    shown = report.as_json if as_json else report.Page()
    if isinstance(settings, str):
        findings = [problem("settings", settings, "correct it; docs/settings.md has all settings")]
        shown(findings[0])
    else:
        findings = asyncio.run(examine(settings, shown))
    if isinstance(shown, report.Page):
        shown.close(findings)
    return findings
