import json
from pathlib import Path
from xml.etree import ElementTree as ET

import typer
from typer.testing import CliRunner

from offhook.cli import bench


def program() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    bench.register(app)
    return app


def test_the_media_benchmark_measures_engine_and_floor_in_one_run(tmp_path: Path) -> None:
    chart = tmp_path / "media.svg"
    ran = CliRunner().invoke(program(), ["bench", "media", "--legs", "20", "--seconds", "1", "--json", "--svg", str(chart)])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert found["legs"] == 20
    assert found["floor_us_per_leg_tick"] > 0
    assert found["us_per_leg_tick"] > found["floor_us_per_leg_tick"]
    assert abs(found["ratio"] - found["us_per_leg_tick"] / found["floor_us_per_leg_tick"]) < found["ratio"] / 2
    assert found["packets_lost_percent"] < 5
    assert ET.parse(chart).getroot().tag.endswith("svg")
