"""Lists of calls whose pages stay where they are, and lists that go back no further than Plivo's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import plivo
import pytest

from offhook.api.cursors import Cursor
from offhook.api.errors import ApiError
from offhook.api.windows import KEPT, bounds, is_kept, windowed
from offhook.testing.live import NodeProcess

from .conftest import MAIN, TOKEN, Raw
from .test_small import have_called

ENDED = datetime(2026, 3, 1, 12, 30, 15, 123456, UTC)
DAY = timedelta(days=1)
HALF_A_DAY = timedelta(hours=12)


@pytest.fixture
def tenant(raw: Raw, subaccount: Callable[[], plivo.RestClient]) -> Raw:
    """An account without calls."""
    return Raw(raw.port, *subaccount().session.auth)


def _uuids(answer: Any) -> list[str]:
    assert answer.status == 200, answer.body
    return [each["call_uuid"] for each in answer.body["objects"]]


def _whole(tenant: Raw, **asked: int) -> list[str]:
    found: list[str] = []
    path = "Call/?" + "&".join(f"{name}={value}" for name, value in asked.items())
    while path:
        answer = tenant.ask("GET", path)
        found += _uuids(answer)
        path = answer.body["meta"]["next"]
    return found


def test_pages_stay_where_they_are_while_calls_come(tenant: Raw, node: NodeProcess) -> None:
    # Some end at the very same time, as those of a bulk request do.
    have_called(node, tenant.auth_id, [ENDED + timedelta(seconds=number // 3) for number in range(15)])
    everything = _whole(tenant, limit=20)
    assert len(everything) == len(set(everything)) == 15
    first = tenant.ask("GET", "Call/?limit=4")
    assert (_uuids(first), first.body["meta"]["total_count"], first.body["meta"]["previous"]) == (everything[:4], 15, None)
    have_called(node, tenant.auth_id, [ENDED + DAY] * 3)
    second = tenant.ask("GET", first.body["meta"]["next"])
    assert (_uuids(second), second.body["meta"]["offset"], second.body["meta"]["total_count"]) == (everything[4:8], 4, 18)
    third = tenant.ask("GET", second.body["meta"]["next"])
    fourth = tenant.ask("GET", third.body["meta"]["next"])
    assert (_uuids(third), _uuids(fourth), fourth.body["meta"]["next"]) == (everything[8:12], everything[12:], None)
    for page, earlier in ((fourth, third), (third, second), (second, first)):
        back = tenant.ask("GET", page.body["meta"]["previous"])
        assert _uuids(back) == _uuids(earlier)
    newest = tenant.ask("GET", back.body["meta"]["previous"])
    assert len(_uuids(newest)) == 3
    assert not set(_uuids(newest)) & set(everything)
    assert newest.body["meta"]["previous"] is None
    assert _uuids(tenant.ask("GET", newest.body["meta"]["next"])) == everything[:4]


def test_a_place_is_kept_although_its_record_is_not(tenant: Raw, node: NodeProcess) -> None:
    have_called(node, tenant.auth_id, [ENDED + number * DAY for number in range(4)])
    everything = _whole(tenant)
    gone = Cursor(_us(ENDED + 2 * DAY) - 1, "ffffffff-0000-4000-8000-000000000000", False, 2)
    assert _uuids(tenant.ask("GET", f"Call/?cursor={gone.text()}")) == everything[2:]
    gone = Cursor(_us(ENDED + 2 * DAY) - 1, "ffffffff-0000-4000-8000-000000000000", True, 0)
    assert _uuids(tenant.ask("GET", f"Call/?cursor={gone.text()}")) == everything[:2]


def _us(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_a_neighbour_s_path_has_filters_an_offset_and_a_cursor(tenant: Raw, node: NodeProcess) -> None:
    have_called(node, tenant.auth_id, [ENDED] * 5)
    answer = tenant.ask("GET", "Call/?limit=2&offset=1&call_direction=inbound&end_time__gte=2026-03-01%2012:30")
    query = parse_qs(urlsplit(answer.body["meta"]["next"]).query)
    assert {name: value for name, (value,) in query.items() if name != "cursor"} == {
        "limit": "2",
        "offset": "3",
        "call_direction": "inbound",
        "end_time__gte": "2026-03-01 12:30",
    }
    by_offset = tenant.ask("GET", "Call/?limit=2&offset=3&call_direction=inbound")
    by_cursor = tenant.ask("GET", f"Call/?limit=2&cursor={query['cursor'][0]}&call_direction=inbound")
    assert _uuids(by_offset) == _uuids(by_cursor) == _uuids(tenant.ask("GET", answer.body["meta"]["next"]))
    assert by_cursor.body["meta"]["next"] is None


def test_the_sdk_walks_by_cursor_while_calls_come(tenant: Raw, node: NodeProcess) -> None:
    uuids = have_called(node, tenant.auth_id, [ENDED + timedelta(seconds=number) for number in range(45)])
    client = plivo.RestClient(tenant.auth_id, tenant.token, timeout=30)
    seen = []
    for number, each in enumerate(client.calls):
        seen.append(each.call_uuid)
        if number == 10:
            have_called(node, tenant.auth_id, [ENDED + DAY] * 5)
    assert seen == uuids[::-1]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "%25",
        "bm90aGluZw",
        Cursor(2**60, "x", False, 0).text(),
        Cursor(0, "x" * 37, False, 0).text(),
        Cursor(0, "x", False, -1).text(),
        "WzEsMixmYWxzZSwwXQ",
        "W10",
        "é",
        "x" * 201,
    ],
)
def test_what_is_no_cursor(tenant: Raw, text: str) -> None:
    answer = tenant.ask("GET", f"Call/?cursor={text.replace('é', '%C3%A9')}")
    assert (answer.status, answer.body["error"], answer.body["objects"]) == (400, "cursor parameter is invalid", [])


# -- windows -------------------------------------------------------------------------------------------------------


NOW = datetime(2026, 6, 1, 12, 30, 40, tzinfo=UTC)
MINUTE = NOW.replace(second=0)


@pytest.mark.parametrize(
    ("asked", "since"),
    [
        ((), MINUTE - 7 * DAY),
        ((("lt", NOW - 10 * DAY),), MINUTE - 17 * DAY),
        ((("lte", NOW + 10 * DAY),), MINUTE - 7 * DAY),
        ((("gt", NOW - 30 * DAY),), MINUTE - 30 * DAY),
        ((("gte", NOW - 100 * DAY), ("lt", NOW - 80 * DAY)), MINUTE - 90 * DAY),
        ((("gt", NOW - 60 * DAY), ("gte", NOW - 20 * DAY)), MINUTE - 20 * DAY),
    ],
)
def test_a_list_goes_back_so_far(asked: Any, since: datetime) -> None:
    assert windowed("end_time", asked, NOW) == (*asked, ("gte", since))


def test_a_wider_range_is_refused() -> None:
    for asked in ((("gt", NOW - 31 * DAY),), (("gte", NOW - 100 * DAY), ("lte", NOW - 50 * DAY))):
        with pytest.raises(ApiError, match="the range of end_time should be at most 30 days"):
            windowed("end_time", asked, NOW)
    assert is_kept(NOW - KEPT, NOW)
    assert not is_kept(NOW - KEPT - DAY, NOW)


def test_bounds_are_read_off_any_request() -> None:
    class Ask:
        end_time = "2026-03-01 12:30"
        end_time__gt = None
        end_time__gte = "2026-03-01"
        end_time__lt = None
        end_time__lte = None

    minute = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    found = bounds(Ask(), "end_time")  # type: ignore[arg-type]
    assert found == (("gte", minute), ("lt", minute + timedelta(minutes=1)), ("gte", minute.replace(hour=0, minute=0)))


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[NodeProcess]:
    """A node as strict as Plivo, which has had calls for long; its records are kept for 200 days."""
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN)
    node.stop()
    now = datetime.now(UTC)
    have_called(node, MAIN, [now - days * DAY - HALF_A_DAY for days in (0, 5, 20, 60, 120, 250, 300)])
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN, api_windows="true", keep_calls_days="200")
    yield node
    node.stop()


def test_a_strict_node(strict: NodeProcess) -> None:
    raw, now = Raw(strict.http_port), datetime.now(UTC)

    def since(days: int) -> str:
        return f"{now - days * DAY:%Y-%m-%d%%20%H:%M}"

    assert len(_uuids(raw.ask("GET", "Call/"))) == 2
    assert len(_uuids(raw.ask("GET", f"Call/?end_time__gte={since(29)}"))) == 3
    assert len(_uuids(raw.ask("GET", f"Call/?end_time__gte={since(75)}&end_time__lt={since(50)}"))) == 1
    assert len(_uuids(raw.ask("GET", f"Call/?end_time__gte={since(130)}&end_time__lt={since(110)}"))) == 0
    answer = raw.ask("GET", f"Call/?end_time__gte={since(40)}")
    assert (answer.status, answer.body["error"]) == (400, "the range of end_time should be at most 30 days")
    kept = [line.split('"call_uuid": "')[1][:36] for line in strict.command("calls", "list", "--json").splitlines()]
    assert len(kept) == 5  # of seven: two were older than 200 days
    assert [raw.ask("GET", f"Call/{each}/").status for each in kept] == [200, 200, 200, 200, 404]
