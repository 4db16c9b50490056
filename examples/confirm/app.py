"""Connects a call only when the person called presses 1: an answering machine does not get it.

    FORWARD_TO=14155550123 python examples/confirm/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook call sip:100@127.0.0.1:5060

FORWARD_TO is a phone number or a SIP user; CONFIRM_S says how long after the answer the key must come. To reach a mobile phone
the node needs a trunk, for a SIP user an endpoint. Until the key is pressed the caller hears it ring, and is not answered.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys

from flask import Flask, Response, request, url_for
from plivo import plivoxml

KEY = "1"


def party(who: str) -> plivoxml.PlivoXMLElement:
    """Whom to call: a phone number, or else a SIP user."""
    return plivoxml.NumberElement(who) if who.lstrip("+").isdigit() else plivoxml.UserElement(who)


def xml(*elements: plivoxml.PlivoXMLElement) -> Response:
    """A document as a reply."""
    document = plivoxml.ResponseElement()
    for element in elements:
        document.add(element)
    return Response(document.to_string(), mimetype="application/xml")


def application(forward_to: str, confirm_s: int = 15) -> Flask:
    """The web application: calls go to one person, who may decline them by doing nothing."""
    app = Flask(__name__)

    @app.route("/answer", methods=["POST"])
    def answer() -> Response:
        """A call arrives."""
        dial = plivoxml.DialElement(
            action=url_for("over", _external=True),
            timeout=25,
            confirm_sound=url_for("whisper", _external=True),
            confirm_key=KEY,
            confirm_timeout=confirm_s,
        )
        dial.add(party(forward_to))
        return xml(dial)

    @app.route("/whisper", methods=["POST"])
    def whisper() -> Response:
        """What the person called hears before the key. The parameters are those of the caller's call."""
        caller = " ".join(each for each in request.form["From"] if each.isdigit())
        return xml(plivoxml.SpeakElement(f"A call from {caller or 'an unknown caller'}. To take it, press {KEY}."))

    @app.route("/over", methods=["POST"])
    def over() -> Response:
        """They have talked; or it was not answered, or answered and not confirmed, which is the same to the caller."""
        if request.form["DialStatus"] == "completed":
            return xml(plivoxml.HangupElement())
        return xml(plivoxml.SpeakElement("The person you are calling cannot talk now."), plivoxml.HangupElement())

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5001)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    application(os.environ.get("FORWARD_TO", "alice"), int(os.environ.get("CONFIRM_S", "15"))).run(
        host="127.0.0.1", port=parser.parse_args().port, threaded=True
    )
