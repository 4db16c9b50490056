"""Rings a team and shows what became of each call: who was called, who answered, which keys were pressed, how it ended.

    TEAM=alice,bob python examples/dial-report/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook endpoint add alice --password "open sesame 1"
    offhook call sip:100@127.0.0.1:5060

http://127.0.0.1:5001/ is the table, http://127.0.0.1:5001/calls the same as JSON, and each event is printed when it comes.
Events come to ``callbackUrl``, the result of the whole to ``action``. The caller may rate the talk with the keys 1 to 5.
With PLIVO_AUTH_TOKEN set, requests that the platform did not sign are refused: nobody else can write into the table.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from flask import Flask, Response, abort, jsonify, render_template_string, request, url_for
from plivo import plivoxml
from plivo.utils import validate_v3_signature

log = logging.getLogger("dial-report")

KEPT = 100
"""So many calls are remembered; then the oldest is forgotten."""
PAGE = """<!doctype html>
<meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Calls</title>
<style>body { font: 14px sans-serif } td, th { padding: 2px 12px; text-align: left } tr.call { background: #eee }</style>
<table>
<tr><th>party</th><th>state</th><th>keys</th><th>seconds</th><th>cause</th></tr>
{% for call in calls %}
<tr class="call"><td>{{ call.caller }}</td><td>{{ call.status }}</td><td>{{ call.pressed }}</td>
<td></td><td>{{ call.cause }}</td></tr>
{% for leg in call.legs.values() %}
<tr><td>→ {{ leg.who }}</td><td>{{ leg.state }}</td><td>{{ leg.pressed }}</td>
<td>{{ leg.seconds }}</td><td>{{ leg.cause }}</td></tr>
{% endfor %}
{% endfor %}
</table>
"""


@dataclass
class Leg:
    """One of those who were called."""

    who: str
    state: str = ""
    pressed: str = ""
    seconds: str = ""
    cause: str = ""


@dataclass
class Call:
    """One caller, and how the Dial for him went."""

    caller: str
    status: str = "ringing"
    pressed: str = ""
    cause: str = ""
    legs: dict[str, Leg] = field(default_factory=dict)
    """By their position in the Dial: a leg that was never answered has no UUID."""


class Reports:
    """What was reported, the newest call last. Requests come in threads of their own."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._lock = threading.Lock()

    def begin(self, told: Mapping[str, str]) -> None:
        """A call arrives."""
        with self._lock:
            self._calls[told["CallUUID"]] = Call(told["From"])
            while len(self._calls) > KEPT:
                del self._calls[next(iter(self._calls))]

    def event(self, told: Mapping[str, str]) -> None:
        """Something has happened to one of those who were called."""
        with self._lock:
            call = self._calls.get(told["CallUUID"])
            if call is None:
                return
            leg = call.legs.setdefault(told["DialBLegPosition"], Leg(told["DialBLegTo"]))
            if told["DialAction"] != "digits":
                leg.state = told["DialAction"]
            elif told["DialDigitsPressedBy"] == "ALeg":
                call.pressed += told["DialDigitsMatch"]
            else:
                leg.pressed += told["DialDigitsMatch"]
            if told["DialAction"] == "hangup":
                leg.seconds, leg.cause = told["DialBLegDuration"], told["DialBLegHangupCauseName"]

    def result(self, told: Mapping[str, str]) -> None:
        """The Dial is over. Reports of its legs may still be on their way."""
        with self._lock:
            call = self._calls.get(told["CallUUID"])
            if call is not None:
                call.status, call.cause = told["DialStatus"], told["DialHangupCause"]

    def all(self) -> list[dict[str, object]]:
        """The calls as plain values."""
        with self._lock:
            return [asdict(call) for call in self._calls.values()]


def party(who: str) -> plivoxml.PlivoXMLElement:
    """Whom to call: a phone number, or else a SIP user."""
    return plivoxml.NumberElement(who) if who.lstrip("+").isdigit() else plivoxml.UserElement(who)


def xml(*elements: plivoxml.PlivoXMLElement) -> Response:
    """A document as a reply."""
    document = plivoxml.ResponseElement()
    for element in elements:
        document.add(element)
    return Response(document.to_string(), mimetype="application/xml")


def application(team: Sequence[str], reports: Reports, token: str | None = None) -> Flask:
    """The web application. With a token, web hooks must be signed with it."""
    app = Flask(__name__)

    @app.before_request
    def only_the_platform() -> None:
        """Refuse web hooks that the platform did not sign."""
        if token is None or request.method != "POST":
            return
        signature = request.headers.get("X-Plivo-Signature-V3", "")
        nonce = request.headers.get("X-Plivo-Signature-V3-Nonce", "")
        if not validate_v3_signature("POST", request.url, nonce, token, signature, request.form.to_dict()):
            abort(403)

    @app.route("/answer", methods=["POST"])
    def answer() -> Response:
        """A call arrives."""
        reports.begin(request.form)
        dial = plivoxml.DialElement(
            action=url_for("over", _external=True),
            callback_url=url_for("happened", _external=True),
            timeout=25,
            digits_match="1,2,3,4,5",
            digits_match_b_leg="1,2,3,4,5",
        )
        for who in team:
            dial.add(party(who))
        return xml(dial)

    @app.route("/happened", methods=["POST"])
    def happened() -> str:
        """A leg was answered, connected or hung up, or keys were pressed. Nobody reads the reply."""
        told = request.form
        more = told.get("DialDigitsMatch") or told.get("DialBLegHangupCauseName", "")
        log.info("%s", f"{told['From']} → {told['DialBLegTo']}: {told['DialAction']} {more}".rstrip())
        reports.event(told)
        return "OK"

    @app.route("/over", methods=["POST"])
    def over() -> Response:
        """The Dial is over: note how, and go on accordingly."""
        told = request.form
        log.info("%s: %s %s, rang: %s", told["From"], told["DialStatus"], told["DialHangupCause"], told["DialRingStatus"])
        reports.result(told)
        if told["DialStatus"] == "completed":
            return xml(plivoxml.HangupElement())
        return xml(plivoxml.SpeakElement("Nobody can take your call now. Please call again."), plivoxml.HangupElement())

    @app.route("/")
    def table() -> str:
        """The table, for people."""
        return render_template_string(PAGE, calls=reversed(reports.all()))

    @app.route("/calls")
    def calls() -> Response:
        """The table, for programs."""
        return jsonify(reports.all())

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5001)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    application(os.environ.get("TEAM", "alice,bob").split(","), Reports(), os.environ.get("PLIVO_AUTH_TOKEN")).run(
        host="127.0.0.1", port=parser.parse_args().port, threaded=True
    )
