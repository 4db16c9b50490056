"""What users of plivo-go send comes here through ``plivohere.go``, and what they get fits the types of the SDK."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from strangers.programs import needed

from offhook.testing.live import Customer, Desk, NodeProcess, document, say, tone_wav

from .conftest import HELPERS, MAIN, TOKEN, blocks, heard_until_stopped, kept, played
from .node_sdk import Commanded

SOURCES = Path(__file__).parent / "go"
NOWHERE = "5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11"
STAY = document("<Wait length='60' silence='true'/>")
_GO = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}


class GoError(Exception):
    """What the program got: the status (0: no answer that it could read), and the text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status, self.text = status, text


class GoSdk(Commanded):
    """``ask("Calls.Get", uuid)``; parameters by name."""

    def ask(self, method: str, *places: str, **parameters: Any) -> Any:
        """Send what the SDK's method sends; the decoded answer.

        Raises:
            GoError: the answer was no success, or did not fit the SDK's types.
        """
        told = self.command(do=method, args=places, **{"with": parameters or None})
        if "error" in told:
            raise GoError(told["status"], told["error"])
        return told.get("ok")


def _go(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [needed("go", "golang-go"), *arguments],
        cwd=folder,
        env={**os.environ, **_GO},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Go program with the helper in it."""
    needed("go", "golang-go")
    made = tmp_path_factory.mktemp("go") / "program"
    shutil.copytree(SOURCES, made)
    (made / "plivohere").mkdir()
    shutil.copy(HELPERS / "plivohere.go", made / "plivohere")
    return made


@pytest.fixture(scope="module")
def program(folder: Path) -> Path:
    """The same, built."""
    _go(folder, "build", "-o", "program", ".")
    return folder / "program"


@pytest.fixture
def sdk(program: Path, url: str) -> Iterator[GoSdk]:
    """The program, as the main account."""
    started = GoSdk([str(program)], program.parent, NODE_URL=url, AUTH_ID=MAIN, AUTH_TOKEN=TOKEN)
    yield started
    started.close()


def test_the_helper_is_vetted_and_passes_its_own_tests(folder: Path) -> None:
    _go(folder, "vet", "./...")
    _go(folder, "test", "./...")


def test_what_an_application_needs_is_made_read_changed_and_removed(sdk: GoSdk, node: NodeProcess) -> None:
    assert sdk.ask("Accounts.Get")["auth_id"] == MAIN
    sdk.ask("Accounts.Update", name="Go's shop")
    assert sdk.ask("Accounts.Get")["name"] == "Go's shop"

    branch = sdk.ask("Subaccounts.Create", name="branch", enabled=True)["auth_id"]
    assert sdk.ask("Subaccounts.Get", branch)["enabled"] is True
    sdk.ask("Subaccounts.Update", branch, name="other")
    assert "other" in [each["name"] for each in sdk.ask("Subaccounts.List")["objects"]]
    sdk.ask("Subaccounts.Delete", branch, cascade=True)

    app = sdk.ask("Applications.Create", app_name="from go", answer_url="https://a.example/answer")["app_id"]
    sdk.ask("Applications.Update", app, answer_url="https://a.example/other", fallback_method="GET")
    assert sdk.ask("Applications.Get", app)["answer_url"] == "https://a.example/other"
    listed = sdk.ask("Applications.List", limit=5)
    assert (listed["meta"]["limit"], app in [each["app_id"] for each in listed["objects"]]) == (5, True)

    endpoint = sdk.ask("Endpoints.Create", username="desk", password="secret", alias="desk", app_id=app)["endpoint_id"]
    sdk.ask("Endpoints.Update", endpoint, alias="other")
    assert sdk.ask("Endpoints.Get", endpoint)["alias"] == "other"
    assert endpoint in [each["endpoint_id"] for each in sdk.ask("Endpoints.List")["objects"]]
    sdk.ask("Endpoints.Delete", endpoint)

    sdk.ask("Numbers.Create", numbers="14155550123", carrier="mine", region="here", app_id=app)
    sdk.ask("Numbers.Update", "14155550123", alias="front", callback_url="", callback_method="")
    assert sdk.ask("Numbers.Get", "14155550123")["alias"] == "front"
    assert [each["number"] for each in sdk.ask("Numbers.List", alias="front")["objects"]] == ["14155550123"]
    sdk.ask("Numbers.Delete", "14155550123")
    node.command("pool", "add", "+442079460123", "--city", "London")
    found = sdk.ask("PhoneNumbers.List", country_iso="GB", pattern="207")["objects"]
    assert "442079460123" in [each["number"] for each in found]
    bought = sdk.ask("PhoneNumbers.Create", "442079460123", app_id=app, callback_url="", callback_method="")
    assert [each["status"] for each in bought["numbers"]] == ["Success"]
    sdk.ask("Numbers.Delete", "442079460123")
    made = sdk.ask("Token.Create", iss=MAIN, sub="desk", per={"voice": {"incoming_allow": True, "outgoing_allow": False}})
    assert made["token"].count(".") == 2
    assert sdk.ask("Conferences.IDList")["conferences"] == []
    assert sdk.ask("MultiPartyCall.List")["objects"] == []
    sdk.ask("Applications.Delete", app, cascade=False)
    with pytest.raises(GoError) as gone:
        sdk.ask("Applications.Get", app)
    assert (gone.value.status, json.loads(gone.value.text)["error"]) == (404, "not found")


def test_a_call_is_placed_read_moved_and_hung_up(sdk: GoSdk, customer: Customer) -> None:
    customer.forget()
    customer.says("/first", STAY)
    customer.says("/second", document("<DTMF>7</DTMF><Wait length='60' silence='true'/>"))

    async def ask(method: str, *places: str, **parameters: Any) -> Any:
        return await asyncio.to_thread(lambda: sdk.ask(method, *places, **parameters))

    async def scene(desk: Desk) -> None:
        wishes = {"hangup_url": customer.url("/hangup"), "caller_name": "Shop", "time_limit": 600, "sip_headers": "Team=red"}
        fired = await ask(
            "Calls.Create", **{"from": "14155550100", "to": desk.uri("ann"), "answer_url": customer.url("/first"), **wishes}
        )
        uuid = fired["request_uuid"]
        async with desk.taken("ann") as leg:
            assert leg.facts.custom_headers == {"X-PH-Team": "red"}
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            live = await ask("LiveCalls.Get", uuid)
            assert (live["call_uuid"], live["call_status"], live["caller_name"]) == (uuid, "in-progress", "Shop")
            assert uuid in (await ask("LiveCalls.IDList"))["calls"]
            with leg.listen() as keys:
                moved = await ask("Calls.Update", uuid, legs="aleg", aleg_url=customer.url("/second"))
                assert moved["message"] == "call transfered"
                assert (await keys.get()).key == "7"
            await ask("Calls.Delete", uuid)
            await leg.ended()
        await asyncio.to_thread(customer.wait_for, "/hangup")
        record = await ask("Calls.Get", uuid)
        assert (record["hangup_cause_code"], record["hangup_source"], record["from_number"]) == (
            4000,
            "API Request",
            "14155550100",
        )
        assert uuid in [each["call_uuid"] for each in (await ask("Calls.List", call_direction="outbound"))["objects"]]
        assert (await ask("CallFeedback.Create", uuid, rating=4, issues=["echo"]))["message"] == "success"

    played(scene)


def test_a_call_hears_what_it_plays_and_says(sdk: GoSdk, customer: Customer, tone: str) -> None:
    async def scene(desk: Desk) -> None:
        order = {"from": "14155550100", "to": desk.uri("ann"), "answer_url": customer.url("/first")}
        fired = await asyncio.to_thread(lambda: sdk.ask("Calls.Create", **order))
        uuid = fired["request_uuid"]
        async with desk.taken("ann") as leg:
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            await heard_until_stopped(
                leg, lambda: sdk.ask("Calls.Play", uuid, urls=tone, loop=True), lambda: sdk.ask("Calls.StopPlaying", uuid)
            )
            # The SDK sends its field Voice under the name of another: length.
            await heard_until_stopped(
                leg,
                lambda: sdk.ask("Calls.Speak", uuid, text="Hello", length="MAN", loop=True),
                lambda: sdk.ask("Calls.StopSpeaking", uuid),
            )
            with leg.listen() as keys:
                await asyncio.to_thread(lambda: sdk.ask("Calls.SendDigits", uuid, digits="5", legs="aleg"))
                assert (await keys.get()).key == "5"
            await asyncio.to_thread(sdk.ask, "Calls.Delete", uuid)
            await leg.ended()

    played(scene)


def test_a_call_is_recorded_and_the_recording_had(sdk: GoSdk, customer: Customer, tone: str, tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        order = {"from": "14155550100", "to": desk.uri("ann"), "answer_url": customer.url("/first")}
        fired = await asyncio.to_thread(lambda: sdk.ask("Calls.Create", **order))
        uuid = fired["request_uuid"]
        async with desk.taken("ann") as leg:
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            say(leg, tone_wav((700, 1.0)), tmp_path)
            begun = await asyncio.to_thread(lambda: sdk.ask("Calls.Record", uuid, file_format="wav", time_limit=30))
            await asyncio.sleep(1)
            await asyncio.to_thread(sdk.ask, "Calls.StopRecording", uuid)
            found = await kept(lambda each: sdk.ask("Recordings.Get", each), begun["recording_id"], GoError)
            assert (found["call_uuid"], found["recording_url"], found["recording_format"]) == (uuid, begun["url"], "wav")
            await asyncio.to_thread(sdk.ask, "Calls.Delete", uuid)
            await leg.ended()
        listed = await asyncio.to_thread(lambda: sdk.ask("Recordings.List", call_uuid=uuid))
        assert [each["recording_id"] for each in listed["objects"]] == [begun["recording_id"]]
        await asyncio.to_thread(sdk.ask, "Recordings.Delete", begun["recording_id"])

    played(scene)


def test_calls_that_wait_are_listed_and_cancelled(sdk: GoSdk, customer: Customer) -> None:
    customer.forget()

    async def scene(desk: Desk) -> None:
        several = "<".join(desk.uri(user) for user in ("ann", "bob", "cid", "dot"))
        order = {"from": "14155550100", "to": several, "answer_url": customer.url("/first")}
        fired = await asyncio.to_thread(lambda: sdk.ask("Calls.Create", **order))
        *others, last = fired["request_uuid"]
        assert last in (await asyncio.to_thread(sdk.ask, "QueuedCalls.IDList"))["calls"]
        assert (await asyncio.to_thread(sdk.ask, "QueuedCalls.Get", last))["call_status"] == "queued"
        for each in (last, *others):
            await asyncio.to_thread(sdk.ask, "Calls.CancelRequest", each)
        with pytest.raises(GoError) as gone:
            await asyncio.to_thread(sdk.ask, "QueuedCalls.Get", last)
        assert gone.value.status == 404

    played(scene)


def test_errors_are_objects_with_a_text(sdk: GoSdk) -> None:
    for method, places, parameters, status, text in (
        ("Calls.Delete", (NOWHERE,), {}, 404, "call not found"),
        ("Calls.Create", (), {"from": "1"}, 400, "to parameter is missing"),
        ("Calls.List", (), {"limit": 21}, 400, "limit should be between 1 and 20"),
    ):
        with pytest.raises(GoError) as refused:
            sdk.ask(method, *places, **parameters)
        assert (refused.value.status, json.loads(refused.value.text)["error"]) == (status, text)


STAND_IN = """package plivo

import "net/http"

// What the README's lines need of the SDK; its shape is that of the public source.
type ClientOptions struct{ HttpClient *http.Client }

type Client struct{ Options *ClientOptions }

func NewClient(authID, authToken string, options *ClientOptions) (*Client, error) { return &Client{options}, nil }
"""


def test_the_lines_of_the_page_compile(folder: Path, tmp_path: Path) -> None:
    """Against the SDK's shape: the SDK itself cannot be fetched where this runs."""
    [block] = blocks("docs/api.md", "go")
    made = tmp_path / "lines"
    shutil.copytree(folder / "plivohere", made / "plivohere")
    (made / "plivo").mkdir()
    (made / "plivo" / "plivo.go").write_text(STAND_IN)
    (made / "go.mod").write_text("module lines\n\ngo 1.19\n")
    block = block.replace("github.com/plivo/plivo-go/v7", "lines/plivo").replace("example.com/app/plivohere", "lines/plivohere")
    (made / "main.go").write_text(block)
    _go(made, "vet", "./...")
