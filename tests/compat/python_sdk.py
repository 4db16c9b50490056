"""Plivo's Python SDK as it is installed: its voice methods, and the request that each of them sends."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import plivo
import requests
from plivo.base import PlivoResource, PlivoResourceInterface
from plivo.resources import (
    accounts,
    applications,
    calls,
    conferences,
    endpoints,
    multipartycall,
    numbers,
    pricings,
    recordings,
    transcription,
    verify_callerid,
)

AUTH_ID = "MA" + "X" * 18
UUID = "5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11"
NOT_VOICE = {
    "messages": "messages",
    "media": "messages",
    "powerpacks": "messages",
    "brand": "messages",
    "campaign": "messages",
    "profile": "messages",
    "tollfree_verification": "messages",
    "verify_session": "messages",
    "lookup": "another service, lookup.plivo.com",
    "masking_sessions": "masked numbers, not described in Plivo's Voice API",
    "addresses": "papers for renting numbers: the carrier's business",
    "identities": "papers for renting numbers: the carrier's business",
    "end_users": "papers for renting numbers: the carrier's business",
    "compliance_document_types": "papers for renting numbers: the carrier's business",
    "compliance_documents": "papers for renting numbers: the carrier's business",
    "compliance_requirements": "papers for renting numbers: the carrier's business",
    "compliance_applications": "papers for renting numbers: the carrier's business",
    "phone_number_compliance_requirements": "papers for renting numbers: the carrier's business",
    "phone_number_compliance": "papers for renting numbers: the carrier's business",
    "phone_number_compliance_link": "papers for renting numbers: the carrier's business",
}
"""Attributes of the client that are no matter of a voice platform, and why."""
_OBJECTS = (
    *(accounts, applications, calls, conferences, multipartycall, endpoints, numbers, pricings, recordings),
    *(transcription, verify_callerid),
)
_IDS: dict[str, str] = {
    "call_uuid": UUID,
    "request_uuid": UUID,
    "_id": UUID,
    "uuid": UUID,
    "mpc_uuid": UUID,
    "stream_id": UUID,
    "recording_id": UUID,
    "transcription_id": UUID,
    "verification_uuid": UUID,
    "conference_name": "room",
    "member_id": "7",
    "participant_id": "7",
    "auth_id": "SA" + "X" * 18,
    "app_id": "1" * 17,
    "endpoint_id": "1" * 14,
    "number": "14155550100",
    "phone_number": "14155550100",
    "country_iso": "US",
}
_VALUES: dict[str, Any] = {
    **_IDS,
    "from_": "14155550100",
    "to_": "14155550101",
    "answer_url": "https://a.example/",
    "aleg_url": "https://a.example/",
    "legs": "aleg",
    "leg": "aleg",
    "urls": "https://a.example/a.mp3",
    "url": "https://a.example/a.mp3",
    "callback_url": "https://a.example/",
    "callback_method": "POST",
    "text": "Hello",
    "digits": "1",
    "service_url": "wss://a.example/",
    "name": "branch",
    "app_name": "ivr",
    "username": "desk",
    "password": "secret",
    "alias": "desk",
    "numbers": "14155550100",
    "carrier": "mine",
    "region": "here",
    "role": "agent",
    "iss": AUTH_ID,
    "rating": 5,
    "friendly_name": "room",
}
_WISHES: dict[str, tuple[str, ...]] = {
    "account.update": ("name",),
    "Account.update": ("name",),
    "calls.update": ("legs", "aleg_url"),
    "calls.transfer": ("legs", "aleg_url"),
    "Call.update": ("legs", "aleg_url"),
    "endpoints.update": ("alias",),
    "Endpoint.update": ("password", "alias", "app_id"),
    "Application.update": ("answer_url",),
    "Application.get": ("app_id",),
    "multi_party_calls.update_participant": ("participant_id", "friendly_name", "mute"),
    "MultiPartyCall.update": ("participant_id", "mute"),
    "MultiPartyCallParticipant.update": ("mute",),
    "multi_party_calls.start_play_audio": ("participant_id", "friendly_name", "url"),
    "MultiPartyCall.start_play_audio": ("participant_id", "url"),
    "multi_party_calls.add_participant": ("role", "friendly_name", "from_", "to_"),
}
"""Arguments of methods that need more than their signature says."""


@dataclass(frozen=True)
class Sent:
    """What a method sends."""

    method: str
    path: str
    """Decoded, without the query."""
    body: dict[str, Any] | None


class Nothing(Exception):
    """The method raised before it sent anything."""


def methods() -> dict[str, Callable[..., Any]]:
    """Every method of the voice side: ``calls.create`` of the client, ``Call.hangup`` of what it returns.

    Of objects only those that their class defines: what all of them inherit cannot work (``inherited``).
    """
    found: dict[str, Callable[..., Any]] = {}
    for name, resource in _resources():
        for method, function in inspect.getmembers(resource, callable):
            if not method.startswith("_"):
                found[f"{name}.{method}"] = function
    for kind in objects():
        found |= {f"{kind.__name__}.{each}": getattr(kind, each) for each, value in vars(kind).items() if _is_method(each, value)}
    return found


def inherited() -> list[tuple[type[PlivoResource], str]]:
    """The methods that objects have from their base class and nobody wrote anew."""
    return [(kind, each) for kind in objects() for each in ("create", "delete", "get", "update") if each not in vars(kind)]


def objects() -> list[type[PlivoResource]]:
    """The classes of what the voice methods return."""
    found = []
    for module in _OBJECTS:
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, PlivoResource) and kind.__module__ == module.__name__:
                found.append(kind)
    return found


def request_of(key: str) -> Sent:
    """What a method sends, with the least arguments that it takes.

    Raises:
        Nothing: it sends nothing, whatever it is given.
    """
    client, sent = _recording_client()
    owner, _, method = key.partition(".")
    if owner[0].isupper():
        kind = next(each for each in objects() if each.__name__ == owner)
        function = getattr(kind(client, {**_IDS, "id": UUID}), method)
    else:
        function = getattr(getattr(client, owner), method)
    failure: BaseException | None = None
    try:
        function(**_arguments(key, function))
    except (Exception, RecursionError) as error:  # noqa: BLE001 - what it makes of our 404 does not matter
        failure = error
    if not sent:
        raise Nothing(f"{type(failure).__name__}: {failure}")
    parts = urlsplit(sent[0].url)
    body = sent[0].body
    return Sent(sent[0].method, unquote(parts.path), json.loads(body) if body else None)


def _arguments(key: str, function: Callable[..., Any]) -> dict[str, Any]:
    wanted = list(_WISHES.get(key, ()))
    parameters = inspect.signature(function).parameters
    wanted += [name for name, each in parameters.items() if each.default is each.empty and name not in wanted]
    if key.startswith("multi_party_calls.") and "friendly_name" in parameters and key != "multi_party_calls.list":
        wanted.append("friendly_name")
    values: dict[str, Any] = {**_VALUES, "mute": True}
    if key == "multi_party_calls.start_play_audio" or key.startswith("MultiPartyCall"):
        values["participant_id"] = 7
    return {name: values.get(name, "x") for name in wanted}


def _recording_client() -> tuple[plivo.RestClient, list[Any]]:
    client, sent = plivo.RestClient(AUTH_ID, "token"), []

    def send(request: Any, **_more: Any) -> requests.Response:
        sent.append(request)
        answer = requests.Response()
        answer.status_code, answer.url = 404, request.url
        answer._content = b'{"api_id": "x", "error": "not found", "objects": []}'
        return answer

    client.session.send = send
    return client, sent


def _resources() -> Iterator[tuple[str, PlivoResourceInterface]]:
    for name, value in vars(plivo.RestClient(AUTH_ID, "token")).items():
        if isinstance(value, PlivoResourceInterface) and name not in NOT_VOICE:
            yield name, value


def _is_method(name: str, value: Any) -> bool:
    return callable(value) and not name.startswith("_")
