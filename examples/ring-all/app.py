"""Rings everybody of a team at once; whoever is first talks to the caller, and the others stop ringing.

    TEAM=alice,bob,14155550123 python examples/ring-all/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook endpoint add alice --password "open sesame 1"
    offhook call sip:100@127.0.0.1:5060

TEAM is a list of phone numbers and SIP users; RING_S says for how long they ring.
While it rings the caller hears a sentence over and over instead of ringing: the sound document of ``dialMusic``.
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


def application(team: Sequence[str], ring_s: int = 30) -> Flask:
    """The web application: calls go to whoever of a team is first."""
    app = Flask(__name__)

    @app.route("/answer", methods=["POST"])
    def answer() -> Response:
        """A call arrives: one Dial with several people in it calls them all at once."""
        dial = plivoxml.DialElement(
            action=url_for("over", _external=True), timeout=ring_s, dial_music=url_for("music", _external=True)
        )
        for who in team:
            dial.add(party(who))
        return xml(dial)

    @app.route("/music", methods=["POST"])
    def music() -> Response:
        """What the caller hears meanwhile. Only Play, Speak and Wait count here, and the whole begins again at its end."""
        return xml(plivoxml.SpeakElement("One moment please, we are looking for somebody."), plivoxml.WaitElement(length=2))

    @app.route("/over", methods=["POST"])
    def over() -> Response:
        """Somebody has talked to the caller, or nobody could."""
        if request.form["DialStatus"] == "completed":
            return xml(plivoxml.HangupElement())
        return xml(plivoxml.SpeakElement("Nobody can take your call now. Please call again."), plivoxml.HangupElement())

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5001)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    application(os.environ.get("TEAM", "alice,bob").split(","), int(os.environ.get("RING_S", "30"))).run(
        host="127.0.0.1", port=parser.parse_args().port, threaded=True
    )
