"""The table of figures, and what rooms count in."""

from __future__ import annotations

import re
from pathlib import Path

from offhook import metrics
from offhook.metrics import METRICS, Distribution

ROOT = Path(__file__).parents[2]


def test_observations_are_counted_under_the_first_bound_that_holds_them() -> None:
    seen = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        seen.note(value, "a")
    seen.note(3.0, "b")
    assert seen.counts == {("a",): [2, 2, 1], ("b",): [0, 0, 1]}
    assert seen.sums == {("a",): 14.0, ("b",): 3.0}


def test_names_keep_to_the_conventions() -> None:
    assert len({each.name for each in METRICS}) == len(METRICS)
    for each in METRICS:
        assert re.fullmatch(r"offhook_[a-z]+(_[a-z]+)*", each.name), each.name
        assert each.name.endswith("_total") == (each.kind == "counter"), each.name
        assert each.meaning.endswith((".", "…")), each.name
        if each.kind == "histogram":
            assert each.name.endswith("_seconds")


def test_no_label_can_name_a_customer() -> None:
    """Whoever adds a label decides here that it has few values, and none that a stranger chooses."""
    known = "version python direction state cause code source purpose outcome way message transport trunk route method status"
    assert {label for each in METRICS for label in each.labels} == set(known.split())


def test_the_page_of_metrics_is_up_to_date() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert page.endswith(metrics.reference()), "put the output of python -m offhook.metrics into docs/metrics.md"
