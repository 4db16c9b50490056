"""Forwards every call to one person, and tells the caller when that person cannot be had.

    FORWARD_TO=alice python examples/forward/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook endpoint add alice --password "open sesame 1"
    offhook call sip:100@127.0.0.1:5060

FORWARD_TO is a phone number or a SIP user; RING_S says for how long it rings, CALLER_ID whose number is shown instead of the
caller's. The caller is not answered, and pays nothing, before the other side has answered: Dial does not answer by itself.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys

from flask import Flask, Response, request, url_for
from plivo import plivoxml

SORRY = {
    "busy": "The line is busy. Please call again later.",
    "no-answer": "Nobody answers. Please call again later.",
}


def party(who: str) -> plivoxml.PlivoXMLElement:
    """Whom to call: a phone number, or else a SIP user."""
    return plivoxml.NumberElement(who) if who.lstrip("+").isdigit() else plivoxml.UserElement(who)


def xml(*elements: plivoxml.PlivoXMLElement) -> Response:
    """A document as a reply."""
    document = plivoxml.ResponseElement()
    for element in elements:
        document.add(element)
    return Response(document.to_string(), mimetype="application/xml")


def application(forward_to: str, ring_s: int = 20, caller_id: str | None = None) -> Flask:
    """The web application: calls go to one person."""
    app = Flask(__name__)

    @app.route("/answer", methods=["POST"])
    def answer() -> Response:
        """A call arrives: call the person, and come back when that is over."""
        dial = plivoxml.DialElement(action=url_for("over", _external=True), timeout=ring_s, caller_id=caller_id)
        dial.add(party(forward_to))
        return xml(dial)

    @app.route("/over", methods=["POST"])
    def over() -> Response:
        """They have talked, or it did not come to that; ``DialStatus`` says which."""
        status = request.form["DialStatus"]
        if status == "completed":
            return xml(plivoxml.HangupElement())
        return xml(plivoxml.SpeakElement(SORRY.get(status, "Your call cannot be connected.")), plivoxml.HangupElement())

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5001)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    application(os.environ.get("FORWARD_TO", "alice"), int(os.environ.get("RING_S", "20")), os.environ.get("CALLER_ID")).run(
        host="127.0.0.1", port=parser.parse_args().port, threaded=True
    )
