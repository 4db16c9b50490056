"""Calls several people, one after another, until somebody takes the call.

    TEAM=alice,bob,14155550123 python examples/hunt/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook endpoint add alice --password "open sesame 1"
    offhook call sip:100@127.0.0.1:5060

TEAM is a list of phone numbers and SIP users; RING_S says for how long each of them rings.
No state is kept between requests: who was tried last stands in the action URL. The caller hears it ring all the time.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from flask import Flask, Response, request, url_for
from plivo import plivoxml


def party(who: str) -> plivoxml.PlivoXMLElement:
    """Whom to call: a phone number, or else a SIP user."""
    return plivoxml.NumberElement(who) if who.lstrip("+").isdigit() else plivoxml.UserElement(who)


def xml(*elements: plivoxml.PlivoXMLElement) -> Response:
    """A document as a reply."""
    document = plivoxml.ResponseElement()
    for element in elements:
        document.add(element)
    return Response(document.to_string(), mimetype="application/xml")


def application(team: Sequence[str], ring_s: int = 15) -> Flask:
    """The web application: calls go to the first of a team who takes them."""
    app = Flask(__name__)

    def attempt(position: int) -> Response:
        """Call the person at that position, from 0 on; an apology when there is nobody left."""
        if position >= len(team):
            return xml(plivoxml.SpeakElement("Nobody can take your call now. Please call again."), plivoxml.HangupElement())
        dial = plivoxml.DialElement(action=url_for("over", position=position, _external=True), timeout=ring_s)
        dial.add(party(team[position]))
        return xml(dial)

    @app.route("/answer", methods=["POST"])
    def answer() -> Response:
        """A call arrives."""
        return attempt(0)

    @app.route("/over/<int:position>", methods=["POST"])
    def over(position: int) -> Response:
        """One of them is done: either they have talked, or the next one is called."""
        if request.form["DialStatus"] == "completed":
            return xml(plivoxml.HangupElement())
        return attempt(position + 1)

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5001)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    application(os.environ.get("TEAM", "alice,bob").split(","), int(os.environ.get("RING_S", "15"))).run(
        host="127.0.0.1", port=parser.parse_args().port, threaded=True
    )
