"""Plivo's SDK for Node.js, unmodified, from npm: it sets things up, places calls, reads and ends them."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from strangers.programs import needed

from offhook import xml
from offhook.testing.live import Customer, Desk, NodeProcess, Reply, document, say, tone_wav

from . import other_sdks
from .conftest import HELPERS, MAIN, ROOT, TOKEN, blocks, heard_until_stopped, kept, played
from .node_sdk import NodeError, NodeSdk

NOWHERE = "5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11"
STAY = document("<Wait length='60' silence='true'/>")


@pytest.fixture
def sdk(node_folder: Path, url: str) -> Iterator[NodeSdk]:
    """The SDK, as the main account."""
    started = NodeSdk(node_folder, HELPER=str(HELPERS / "plivo-here.js"), NODE_URL=url, AUTH_ID=MAIN, AUTH_TOKEN=TOKEN)
    yield started
    started.close()


def test_every_voice_method_of_the_package_has_a_row(sdk: NodeSdk) -> None:
    listed: dict[str, list[str]] = sdk.ask("list")
    wanted = {
        f"{owner}.{method}"
        for owner, left_out in other_sdks.NODE_LEFT_OUT.items()
        for method in listed[owner]
        if method not in left_out
    }
    assert wanted == {key for key in other_sdks.NODE if "." in key}
    assert listed["subAccounts"] == listed["subaccounts"]  # two names of one


def test_what_an_application_needs_is_made_read_changed_and_removed(sdk: NodeSdk) -> None:
    assert sdk.ask("accounts.get")["resourceUri"] == f"/v1/Account/{MAIN}/"
    sdk.ask("accounts.update", {"name": "Node's shop"})
    assert sdk.ask("accounts.get")["name"] == "Node's shop"

    branch = sdk.ask("subaccounts.create", "branch", True)
    assert sdk.ask("subaccounts.get", branch["authId"])["enabled"] is True
    sdk.ask("subaccounts.update", branch["authId"], "other", False)
    assert "other" in [each["name"] for each in sdk.ask("subaccounts.list")["items"]]
    assert sdk.ask("subaccounts.delete", branch["authId"]) is True

    made = sdk.ask("applications.create", "from node", {"answerUrl": "https://a.example/answer"})
    assert sdk.ask("applications.get", made["appId"])["answerUrl"] == "https://a.example/answer"
    sdk.ask("applications.update", made["appId"], {"answerUrl": "https://a.example/other"})
    listed = sdk.ask("applications.list", {"limit": 5})
    assert listed["meta"]["limit"] == 5
    assert made["appId"] in [each["appId"] for each in listed["items"]]

    endpoint = sdk.ask("endpoints.create", "desk", "secret", "desk", made["appId"])
    assert endpoint["username"].startswith("desk")
    sdk.ask("endpoints.update", endpoint["endpointId"], {"alias": "other"})
    assert sdk.ask("endpoints.get", endpoint["endpointId"])["alias"] == "other"
    assert endpoint["endpointId"] in [each["endpointId"] for each in sdk.ask("endpoints.list")["items"]]
    assert sdk.ask("endpoints.delete", endpoint["endpointId"]) is True
    assert sdk.ask("applications.delete", made["appId"], {"cascade": False}) is True
    with pytest.raises(NodeError) as gone:
        sdk.ask("applications.get", made["appId"])
    assert gone.value.status == 404
    assert sdk.ask("pricings.get", "US")["countryIso"] == "US"
    assert sdk.ask("token.create", MAIN, {"sub": "desk", "incoming_allow": True})["token"].count(".") == 2
    assert sdk.ask("conferences.list")["conferences"] == []


def test_numbers_are_added_searched_rented_and_given_up(sdk: NodeSdk, node: NodeProcess) -> None:
    app = sdk.ask("applications.create", "numbers", {"answerUrl": "https://a.example/answer"})["appId"]
    sdk.ask("numbers.addOwnNumber", "14155550122", "mine", "here", {"appId": app})
    sdk.ask("numbers.update", "14155550122", {"alias": "front"})
    assert sdk.ask("numbers.get", "14155550122")["alias"] == "front"
    assert [each["number"] for each in sdk.ask("numbers.list", {"alias": "front"})["items"]] == ["14155550122"]
    assert (
        sdk.ask("numbers.unrent", "14155550122") is True
    )  # with an empty text for a body, as all that it sends without parameters
    node.command("pool", "add", "+442079460122", "--city", "London")
    found = sdk.ask("numbers.search", "GB", {"pattern": "207"})["items"]
    assert "442079460122" in [each["number"] for each in found]
    assert sdk.ask("numbers.buy", "442079460122", app)["numbers"][0]["number"] == "442079460122"
    assert sdk.ask("numbers.unrent", "442079460122") is True
    sdk.ask("applications.delete", app)


def test_a_call_is_placed_read_moved_and_hung_up(sdk: NodeSdk, customer: Customer) -> None:
    customer.forget()
    customer.says("/first", STAY)
    customer.says("/second", document("<DTMF>7</DTMF><Wait length='60' silence='true'/>"))

    async def scene(desk: Desk) -> None:
        wishes = {"callerName": "Shop", "ringUrl": customer.url("/ring"), "hangupUrl": customer.url("/hangup"), "timeLimit": 600}
        fired = await asyncio.to_thread(
            sdk.ask, "calls.create", "14155550100", desk.uri("ann"), customer.url("/first"), {**wishes, "sipHeaders": "Team=red"}
        )
        uuid = fired["requestUuid"]
        async with desk.taken("ann") as leg:
            assert leg.facts.custom_headers == {"X-PH-Team": "red"}
            leg.ring()
            await asyncio.to_thread(customer.wait_for, "/ring")
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            live = await asyncio.to_thread(sdk.ask, "calls.getLiveCall", uuid)
            assert (live["callUuid"], live["callStatus"], live["callerName"]) == (uuid, "in-progress", "Shop")
            listed = await asyncio.to_thread(sdk.ask, "calls.listLiveCalls")
            assert uuid in [each["callUuid"] for each in listed["items"]]
            with leg.listen() as keys:
                await asyncio.to_thread(sdk.ask, "calls.transfer", uuid, {"legs": "aleg", "alegUrl": customer.url("/second")})
                assert (await keys.get()).key == "7"
            assert await asyncio.to_thread(sdk.ask, "calls.hangup", uuid) is True
            await leg.ended()
        await asyncio.to_thread(customer.wait_for, "/hangup")
        record = await asyncio.to_thread(sdk.ask, "calls.get", uuid)
        assert (record["hangupCauseCode"], record["hangupSource"], record["fromNumber"]) == (4000, "API Request", "14155550100")
        page = await asyncio.to_thread(sdk.ask, "calls.list", {"callDirection": "outbound", "limit": 20})
        assert uuid in [each["callUuid"] for each in page["items"]]
        with pytest.raises(NodeError, match="rating parameter is missing"):  # which the SDK was given, and does not send
            await asyncio.to_thread(sdk.ask, "callFeedback.create", uuid, 4, ["echo"])

    played(scene)


def test_a_call_hears_what_it_plays_and_says(sdk: NodeSdk, customer: Customer, tone: str) -> None:
    async def scene(desk: Desk) -> None:
        fired = await asyncio.to_thread(sdk.ask, "calls.create", "14155550100", desk.uri("ann"), customer.url("/first"))
        uuid, again = fired["requestUuid"], {"loop": True}
        async with desk.taken("ann") as leg:
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            await heard_until_stopped(
                leg, lambda: sdk.ask("calls.playMusic", uuid, tone, again), lambda: sdk.ask("calls.stopPlayingMusic", uuid)
            )
            await heard_until_stopped(
                leg, lambda: sdk.ask("calls.speakText", uuid, "Hello", again), lambda: sdk.ask("calls.stopSpeakingText", uuid)
            )
            with leg.listen() as keys:
                await asyncio.to_thread(sdk.ask, "calls.sendDigits", uuid, "5")
                assert (await keys.get()).key == "5"
            await asyncio.to_thread(sdk.ask, "calls.hangup", uuid)
            await leg.ended()

    played(scene)


def test_a_call_is_recorded_and_the_recording_had(sdk: NodeSdk, customer: Customer, tone: str, tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        fired = await asyncio.to_thread(sdk.ask, "calls.create", "14155550100", desk.uri("ann"), customer.url("/first"))
        uuid = fired["requestUuid"]
        async with desk.taken("ann") as leg:
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            say(leg, tone_wav((700, 1.0)), tmp_path)
            begun = await asyncio.to_thread(sdk.ask, "calls.record", uuid, {"fileFormat": "wav", "timeLimit": 30})
            await asyncio.sleep(1)
            await asyncio.to_thread(sdk.ask, "calls.stopRecording", uuid)
            found = await kept(lambda each: sdk.ask("recordings.get", each), begun["recordingId"], NodeError)
            assert (found["callUuid"], found["recordingUrl"], found["recordingFormat"]) == (uuid, begun["url"], "wav")
            await asyncio.to_thread(sdk.ask, "calls.hangup", uuid)
            await leg.ended()
        listed = await asyncio.to_thread(sdk.ask, "recordings.list", {"callUuid": uuid})
        assert [each["recordingId"] for each in listed["items"]] == [begun["recordingId"]]
        assert await asyncio.to_thread(sdk.ask, "recordings.delete", begun["recordingId"]) is True

    played(scene)


def test_calls_that_wait_are_listed_and_cancelled(sdk: NodeSdk, customer: Customer) -> None:
    customer.forget()

    async def scene(desk: Desk) -> None:
        several = [desk.uri(user) for user in ("ann", "bob", "cid", "dot")]
        fired = await asyncio.to_thread(sdk.ask, "calls.create", "14155550100", several, customer.url("/first"))
        *others, last = fired["requestUuid"]
        listed = await asyncio.to_thread(sdk.ask, "calls.listQueuedCalls")
        assert last in [each["callUuid"] for each in listed["items"]]
        assert (await asyncio.to_thread(sdk.ask, "calls.getQueuedCall", last))["callStatus"] == "queued"
        for each in (last, *others):
            await asyncio.to_thread(sdk.ask, "calls.cancel", each)
        with pytest.raises(NodeError) as gone:
            await asyncio.to_thread(sdk.ask, "calls.getQueuedCall", last)
        assert gone.value.status == 404

    played(scene)


def test_what_goes_wrong_is_the_error_that_it_should_be(node_folder: Path, url: str, sdk: NodeSdk) -> None:
    for method, arguments, expected in (
        ("calls.hangup", (NOWHERE,), 404),
        ("calls.create", ("nobody", "14155550101", "https://a.example/"), 400),
        ("calls.list", ({"limit": 21},), 400),
    ):
        with pytest.raises(NodeError) as refused:
            sdk.ask(method, *arguments)
        assert refused.value.status == expected, refused.value
    wrong = NodeSdk(node_folder, HELPER=str(HELPERS / "plivo-here.js"), NODE_URL=url, AUTH_ID=MAIN, AUTH_TOKEN="wrong")
    try:
        with pytest.raises(NodeError) as refused:
            wrong.ask("calls.list")
        assert refused.value.status == 401
    finally:
        wrong.close()


WRITTEN: list[Any] = [
    ["addSpeak", "Press one.", {"voice": "WOMAN", "language": "en-GB", "loop": 1}],
    ["addGetDigits", None, {"action": "https://a.example/menu", "numDigits": 1, "timeout": 5}, [["addSpeak", "Press.", {}]]],
    ["addPlay", "https://a.example/b.mp3", {"loop": 2}],
    [
        "addDial",
        None,
        {"callerId": "14155550100", "timeout": 20},
        [["addNumber", "14155550111", {}], ["addUser", "sip:a@b.example", {}]],
    ],
    ["addWait", None, {"length": 2, "silence": True}],
    ["addDTMF", "7", {}],
    ["addRedirect", "https://a.example/next", {}],
    ["addHangup", None, {"reason": "busy"}],
    ["addPreAnswer", None, {}, [["addSpeak", "Wait.", {}]]],
    ["addRecord", None, {"action": "https://a.example/recorded", "maxLength": 30}],
    ["addConference", "room", {"startConferenceOnEnter": True}],
    ["addMultiPartyCall", "room", {"role": "agent"}],
    ["addStream", "wss://a.example/audio", {"bidirectional": True}],
]


def test_documents_as_its_xml_classes_write_them_run_here(sdk: NodeSdk, customer: Customer) -> None:
    for element in WRITTEN:
        parsed = xml.parse(sdk.ask("Response", [element]).encode())
        assert parsed.problems == (), element[0]
        assert parsed.document is not None
    customer.forget()
    customer.says(
        "/first", Reply(sdk.ask("Response", [["addWait", None, {"length": 1, "silence": True}], ["addDTMF", "42", {}]]))
    )

    async def scene(desk: Desk) -> None:
        fired = await asyncio.to_thread(sdk.ask, "calls.create", "14155550100", desk.uri("ann"), customer.url("/first"))
        assert fired["requestUuid"]
        async with desk.taken("ann") as leg:
            await leg.answer()
            with leg.listen() as keys:
                assert [(await keys.get()).key for _ in range(2)] == ["4", "2"]
            await leg.ended()

    played(scene)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_its_validators_accept_our_requests(sdk: NodeSdk, customer: Customer, method: str) -> None:
    customer.forget()
    customer.says("/first", document("<Hangup/>"))

    async def scene(desk: Desk) -> None:
        await asyncio.to_thread(
            sdk.ask,
            "calls.create",
            *("14155550100", desk.uri("ann"), customer.url("/first") + "?menu=2&b=ä%20c"),
            {"answerMethod": method, "hangupUrl": customer.url("/hangup"), "callerName": "Zoë & Söhne"},
        )
        async with desk.taken("ann") as leg:
            await leg.answer()
            await leg.ended()

    played(scene)
    [answer] = customer.wait_for("/first")
    [hangup] = customer.wait_for("/hangup")
    for seen in (answer, hangup):
        sent = {name.lower(): value for name, value in seen.headers.items()}
        url, nonce = seen.url, sent["x-plivo-signature-v3-nonce"]
        form = dict(seen.form)
        for token, expected in ((TOKEN, True), (TOKEN + "x", False)):
            given = (seen.method, url, nonce, token, sent["x-plivo-signature-v3"], form)
            assert sdk.ask("validateV3Signature", *given) is expected, (seen.method, url)
            v2 = (url, sent["x-plivo-signature-v2-nonce"], sent["x-plivo-signature-v2"], token)
            assert sdk.ask("validateSignature", *v2) is expected, url


UNCHANGED = """
const plivo = require("plivo");
const client = new plivo.Client(process.argv[2], process.argv[3], { timeout: 60000 });
client.calls.list({ limit: 1 })
  .then((found) => client.accounts.get().then((account) => console.log(account.resourceUri, found.meta.limit)));
"""


def _run(node_folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell where the SDK is installed beside the program."""
    clean = {"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_NO_WARNINGS": "1"}
    (node_folder / "unchanged.cjs").write_text(UNCHANGED)
    return subprocess.run(
        ["sh", "-c", line], cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_line_of_the_readme_starts_a_program_that_is_not_changed(node_folder: Path, url: str) -> None:
    needed("node", "nodejs")
    [line] = [each for block in blocks("README.md", "sh") for each in block.splitlines() if " node " in each]
    line = line.replace("http://127.0.0.1:8080", url).replace("your_program.js", f"{node_folder}/unchanged.cjs {MAIN} '{TOKEN}'")
    done = _run(node_folder, line)
    assert done.stdout.split() == [f"/v1/Account/{MAIN}/", "1"], done.stderr


def test_by_name_and_certificate_nothing_of_the_program_is_changed(node_folder: Path, named: tuple[NodeProcess, Path]) -> None:
    node, authority = named
    # What a line in /etc/hosts and port 443 do: nothing but the place where the name leads is changed.
    (node_folder / "hosts.cjs").write_text(
        'const tls = require("tls");\nconst connect = tls.connect;\n'
        'tls.connect = (to, ...more) => connect(to.host === "api.plivo.com"\n'
        '  ? { ...to, host: "127.0.0.1", port: Number(process.env.PORT) } : to, ...more);\n'
    )
    line = f"node --require {node_folder}/hosts.cjs {node_folder}/unchanged.cjs {MAIN} '{TOKEN}'"
    done = _run(node_folder, line, PORT=str(node.http_port), NODE_EXTRA_CA_CERTS=str(authority))
    assert done.stdout.split() == [f"/v1/Account/{MAIN}/", "1"], done.stderr
    refused = _run(node_folder, line, PORT=str(node.http_port))
    assert (refused.stdout, "certificate" in refused.stderr) == ("", True), refused.stderr


def test_the_lines_of_the_page_make_an_application(node_folder: Path, url: str, sdk: NodeSdk) -> None:
    [block] = blocks("docs/api.md", "js")
    block = block.replace("http://127.0.0.1:8080", url).replace("MAXXXXXXXXXXXXXXXXXX", MAIN).replace("the token", TOKEN)
    (node_folder / "plivo-here.js").write_text((HELPERS / "plivo-here.js").read_text())
    (node_folder / "lines.cjs").write_text(block)
    done = _run(node_folder, f"node {node_folder}/lines.cjs")
    assert done.returncode == 0, done.stderr
    [made] = [each for each in sdk.ask("applications.list")["items"] if each["appName"] == "ivr"]
    sdk.ask("applications.delete", made["appId"])


def test_what_is_no_address_of_a_node_is_said_at_once(node_folder: Path) -> None:
    command = [needed("node", "nodejs"), "-e", f"require({str(HELPERS / 'plivo-here.js')!r}).use('ftp://a.example')"]
    done = subprocess.run(command, cwd=node_folder, capture_output=True, text=True, check=False, timeout=120)
    assert "ftp://a.example is no address of a node" in done.stderr
