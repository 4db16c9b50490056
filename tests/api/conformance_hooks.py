"""What schemathesis must know to get past the door: whose paths these are, and what is there to be found.

Loaded by the ``schemathesis`` command (``SCHEMATHESIS_HOOKS``), in a process of its own. Half of the requests are about things
that exist; those that a request has removed are made anew. URLs that the node would go to lead to the customer of the test.
"""

from __future__ import annotations

import itertools
import os
import re
import zlib
from typing import Any

import requests
import schemathesis

URL, AUTH_ID, TOKEN, CUSTOMER, KEPT = (
    os.environ[f"CONFORMANCE_{name}"] for name in ("URL", "AUTH_ID", "TOKEN", "CUSTOMER", "KEPT")
)
"""``KEPT``: a number that stays as it is, and its application, for somebody calls it all the time."""
SESSION = requests.Session()
SESSION.auth = (AUTH_ID, TOKEN)
BASE = f"{URL}/v1/Account/{AUTH_ID}/"
_numbers = itertools.count(1)
_WEB = re.compile(r"https?://", re.IGNORECASE)


def _made(path: str, body: dict[str, Any], name: str) -> str:
    answer = SESSION.post(BASE + path, json=body, timeout=30)
    assert answer.status_code in {201, 202}, answer.text
    return str(answer.json().get(name, ""))


def _application() -> str:
    return _made("Application/", {"app_name": f"conformance {next(_numbers)}"}, "app_id")


def _endpoint() -> str:
    body = {"username": f"fuzz{next(_numbers)}", "password": "secret", "alias": "fuzz"}
    return _made("Endpoint/", body, "endpoint_id")


def _subaccount() -> str:
    return _made("Subaccount/", {"name": "conformance", "enabled": True}, "auth_id")


def _number() -> str:
    number = f"1415559{next(_numbers):04d}"
    _made("Number/", {"numbers": number, "carrier": "fuzz", "region": "fuzz"}, "")
    return number


_LISTS = {
    "app_id": ("Application/", "app_id", _application),
    "endpoint_id": ("Endpoint/", "endpoint_id", _endpoint),
    "sub_auth_id": ("Subaccount/", "auth_id", _subaccount),
    "number": ("Number/", "number", _number),
    "recording_id": ("Recording/", "recording_id", None),
}


def _existing(name: str, dice: int) -> str | None:
    """The id of something that is there."""
    if name in {"call_uuid", "uuid"}:
        live = SESSION.get(BASE + "Call/?status=live", timeout=30).json().get("calls", [])
        over = [each["call_uuid"] for each in SESSION.get(BASE + "Call/", timeout=30).json().get("objects", [])]
        found = [*live, *over[:3]]
        return str(found[dice % len(found)]) if found else None
    if name not in _LISTS:
        return None
    path, field, make = _LISTS[name]
    objects = SESSION.get(BASE + path, timeout=30).json().get("objects", [])
    objects = [each for each in objects if KEPT not in (each.get("number"), each.get("app_name", "").removeprefix("for "))]
    if len(objects) < 3 and make is not None:
        return str(make())
    return str(objects[dice % len(objects)][field]) if objects else None


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Put in what exists."""
    places = dict(case.path_parameters or {})
    dice = zlib.crc32(repr((case.path, case.method, places, case.query, case.body)).encode("utf-8", "replace"))
    if "auth_id" in places:
        places["auth_id"] = AUTH_ID
    for name, value in places.items():
        if name != "auth_id" and dice % 2:
            places[name] = _existing(name, dice // 2) or value
    if places:
        case.path_parameters = places
    if case.query and "callback_url" in case.query:
        case.query = {**case.query, "callback_url": _led_home(case.query["callback_url"])}
    if isinstance(case.body, dict) and not case.path.endswith(("/Application/", "/Application/{app_id}/")):
        case.body = {name: _led_home(value) for name, value in case.body.items()}


def _led_home(value: Any) -> Any:
    return f"{CUSTOMER}/fuzzed" if isinstance(value, str) and _WEB.match(value) else value
