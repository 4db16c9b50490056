"""``offhook bench media``: CPU time of the media engine against the floor of the same run, pacing, memory, and reflexes."""

from __future__ import annotations

import asyncio
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console

if TYPE_CHECKING:
    from offhook.cli.bench.media_cases import CaseResult, Scenario

MOST_LEGS = 8000


def run(
    scenario: Annotated[
        str, typer.Option(help="plain, bridged, rooms, recording, transcoding, several with commas between them, or all.")
    ] = "plain,bridged",
    legs: Annotated[str, typer.Option(help="How many, or several numbers: 100,500,1000.")] = "1000",
    room_size: Annotated[str, typer.Option(help="Members of a room, or several numbers.")] = "10,30",
    seconds: Annotated[float, typer.Option(min=0.2, max=3600, help="About how long to measure each case.")] = 20.0,
    together: Annotated[
        bool, typer.Option("--together", help="Let the packets of all legs come at once, not spread over the 20 ms as in life.")
    ] = False,
    presses: Annotated[int, typer.Option(min=0, max=100_000, help="Keys to press in each case.")] = 200,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the figures as Markdown.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write charts, and the figures as media.json, to this folder.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with status 1 when a figure is over its budget.")] = False,
) -> None:
    """Measure the media engine: CPU time per leg and 20 ms tick as a ratio to the floor, memory, pacing, key to silence.

    The floor is a bare Python loop of send and recv_into on as many connected sockets, measured in turns with the engine
    against the same peer. Each combination of scenario and legs is a case, with an engine of its own. Wants a machine with two
    cores and nothing else to do; cases in which other programs took part of it are marked.
    """
    from offhook.cli.bench import media_cases, media_charts, media_load, media_tables  # noqa: PLC0415 - the rest starts without

    if svg is not None and svg.exists() and not svg.is_dir():
        raise typer.BadParameter(f"{svg} is a file; charts go to a folder", param_hint="--svg")
    cases = media_cases.cases(
        _scenarios(scenario), _numbers(legs, "--legs", 2, MOST_LEGS), _numbers(room_size, "--room-size", 2, MOST_LEGS)
    )
    results = []
    said = Console(stderr=True)
    for number, case in enumerate(cases, 1):
        said.print(f"[dim]{number}/{len(cases)}: {case.name}, {case.legs} legs[/]")
        results.append(asyncio.run(media_load.measure(case, seconds, presses, together=together)))
    found = json.dumps({"machine": _machine(), "together": together, "cases": [result.as_json() for result in results]}, indent=2)
    if svg is not None:
        svg.mkdir(parents=True, exist_ok=True)
        for name, picture in media_charts.charts(results).items():
            (svg / name).write_text(picture, encoding="utf-8")
        (svg / "media.json").write_text(found + "\n", encoding="utf-8")
    if json_:
        typer.echo(found)
    elif markdown:
        typer.echo(media_tables.markdown(results))
    else:
        media_tables.show(results, Console())
    if check and not _held(results):
        raise typer.Exit(1)


def _held(results: list[CaseResult]) -> bool:
    return all(check.ok for result in results for check in result.checks())


def _scenarios(text: str) -> list[Scenario]:
    from offhook.cli.bench.media_cases import SCENARIOS  # noqa: PLC0415 - as above

    named = [word.strip() for word in text.split(",")]
    for name in named:
        if name not in {*SCENARIOS, "all"}:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(SCENARIOS)}, all", param_hint="--scenario")
    return list(SCENARIOS) if "all" in named else cast("list[Scenario]", named)


def _numbers(text: str, option: str, least: int, most: int) -> list[int]:
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number, nor several with commas between them", param_hint=option) from None
    for number in numbers:
        if not least <= number <= most:
            raise typer.BadParameter(f"{number} must be between {least} and {most}", param_hint=option)
    return numbers


def _machine() -> dict[str, object]:
    """What kind of machine this is; not which one."""
    import numpy as np  # noqa: PLC0415 - only its version is wanted, and only here

    return {
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
