"""Connects calls with the office during opening hours; at other times with whoever is on call, or refuses them as busy.

    OFFICE=alice OPEN=9 CLOSE=17 DAYS=12345 python examples/after-hours/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook endpoint add alice --password "open sesame 1"
    offhook call sip:100@127.0.0.1:5060

OFFICE and ON_CALL are phone numbers or SIP users; without ON_CALL nobody is called at night. DAYS are those of the week, 1 is
Monday; the hours are those of the machine's time zone (TZ). A document that begins with Hangup refuses the call: nothing is
answered, nothing is billed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, request, url_for
from plivo import plivoxml


@dataclass(frozen=True)
class Hours:
    """When the office is open: from one full hour to another, on some days of the week."""

    opens: int = 9
    closes: int = 17
    days: str = "12345"

    def include(self, moment: dt.datetime) -> bool:
        """Whether the office is open then."""
        return str(moment.isoweekday()) in self.days and self.opens <= moment.hour < self.closes


def party(who: str) -> plivoxml.PlivoXMLElement:
    """Whom to call: a phone number, or else a SIP user."""
    return plivoxml.NumberElement(who) if who.lstrip("+").isdigit() else plivoxml.UserElement(who)


def xml(*elements: plivoxml.PlivoXMLElement) -> Response:
    """A document as a reply."""
    document = plivoxml.ResponseElement()
    for element in elements:
        document.add(element)
    return Response(document.to_string(), mimetype="application/xml")


def application(
    office: str, hours: Hours, on_call: str | None = None, clock: Callable[[], dt.datetime] = dt.datetime.now
) -> Flask:
    """The web application. The clock is handed in, so that a test can say what time it is."""
    app = Flask(__name__)

    def dial(who: str) -> plivoxml.DialElement:
        element = plivoxml.DialElement(action=url_for("over", _external=True), timeout=25)
        element.add(party(who))
        return element

    @app.route("/answer", methods=["POST"])
    def answer() -> Response:
        """A call arrives: decide by the hour."""
        if hours.include(clock()):
            return xml(dial(office))
        if on_call is None:
            return xml(plivoxml.HangupElement(reason="busy"))
        return xml(plivoxml.SpeakElement("We are closed. We are calling the person on duty."), dial(on_call))

    @app.route("/over", methods=["POST"])
    def over() -> Response:
        """They have talked, or nobody was there."""
        if request.form["DialStatus"] == "completed":
            return xml(plivoxml.HangupElement())
        return xml(plivoxml.SpeakElement("Nobody can take your call now. Please call again."), plivoxml.HangupElement())

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5001)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    opening = Hours(int(os.environ.get("OPEN", "9")), int(os.environ.get("CLOSE", "17")), os.environ.get("DAYS", "12345"))
    application(os.environ.get("OFFICE", "alice"), opening, os.environ.get("ON_CALL")).run(
        host="127.0.0.1", port=parser.parse_args().port, threaded=True
    )
