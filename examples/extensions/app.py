"""Asks for an extension and connects the caller with the phone that has it.

    EXTENSIONS=101=alice,102=bob python examples/extensions/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook endpoint add alice --password "open sesame 1"
    offhook call sip:100@127.0.0.1:5060 --press "WWWW101#"

EXTENSIONS names the SIP user (or the phone number) behind each extension.
How often the caller has tried stands in the URL: after three wrong extensions the call is over.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping

from flask import Flask, Response, request, url_for
from plivo import plivoxml

TRIES = 3


def party(who: str) -> plivoxml.PlivoXMLElement:
    """Whom to call: a phone number, or else a SIP user."""
    return plivoxml.NumberElement(who) if who.lstrip("+").isdigit() else plivoxml.UserElement(who)


def xml(*elements: plivoxml.PlivoXMLElement) -> Response:
    """A document as a reply."""
    document = plivoxml.ResponseElement()
    for element in elements:
        document.add(element)
    return Response(document.to_string(), mimetype="application/xml")


def application(extensions: Mapping[str, str], ring_s: int = 20) -> Flask:
    """The web application: ``extensions`` says who has which."""
    app = Flask(__name__)

    def ask(attempt: int, text: str) -> Response:
        """Ask for an extension; whoever types nothing falls through to the goodbye."""
        question = plivoxml.GetDigitsElement(
            action=url_for("typed", attempt=attempt, _external=True),
            method="POST",
            num_digits=max(map(len, extensions)) + 1,
            finish_on_key="#",
            timeout=10,
            digit_timeout=3,
            retries=1,
        )
        question.add(plivoxml.SpeakElement(text))
        return xml(question, plivoxml.SpeakElement("We did not hear anything. Good bye."))

    @app.route("/answer", methods=["POST"])
    def answer() -> Response:
        """A call arrives."""
        return ask(1, "Please type the extension, and then the pound key.")

    @app.route("/typed/<int:attempt>", methods=["POST"])
    def typed(attempt: int) -> Response:
        """Digits arrive, without the pound key."""
        who = extensions.get(request.form["Digits"])
        if who is not None:
            dial = plivoxml.DialElement(action=url_for("over", attempt=attempt, _external=True), timeout=ring_s)
            dial.add(party(who))
            return xml(dial)
        if attempt >= TRIES:
            return xml(plivoxml.SpeakElement("There is no such extension. Good bye."), plivoxml.HangupElement())
        return ask(attempt + 1, "There is no such extension. Please try again.")

    @app.route("/over/<int:attempt>", methods=["POST"])
    def over(attempt: int) -> Response:
        """They have talked, or the caller may try another one."""
        if request.form["DialStatus"] == "completed" or attempt >= TRIES:
            return xml(plivoxml.HangupElement())
        return ask(attempt + 1, "Nobody answers there. You can try another extension.")

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5001)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    pairs = (each.partition("=") for each in os.environ.get("EXTENSIONS", "101=alice,102=bob").split(","))
    application({extension: who for extension, _, who in pairs}).run(
        host="127.0.0.1", port=parser.parse_args().port, threaded=True
    )
