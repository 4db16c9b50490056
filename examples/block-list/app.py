"""Rejects callers that stand on a list, and connects all others.

    printf '19005550123\\n1809*      # a whole area\\nanonymous*\\n' > blocked.txt
    BLOCK_LIST=blocked.txt FORWARD_TO=alice python examples/block-list/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook endpoint add alice --password "open sesame 1"
    offhook call sip:100@127.0.0.1:5060

One caller a line, as web hooks name them: a number with its country code, or ``sip:user@host``. ``*`` stands for anything, and
``#`` begins a remark. The list is read anew for each call: whoever is written down now is rejected from the next call on.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

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


def listed(text: str) -> list[str]:
    """The patterns in the text of a list."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line.removeprefix("+").lower() for line in lines if line]


def application(forward_to: str, blocked: Callable[[], Sequence[str]]) -> Flask:
    """The web application; ``blocked`` is asked for the patterns at each call."""
    app = Flask(__name__)

    @app.route("/answer", methods=["POST"])
    def answer() -> Response:
        """A call arrives."""
        caller = request.form["From"].removeprefix("+").lower()
        if any(fnmatchcase(caller, pattern) for pattern in blocked()):
            return xml(plivoxml.HangupElement(reason="rejected"))
        dial = plivoxml.DialElement(action=url_for("over", _external=True), timeout=25)
        dial.add(party(forward_to))
        return xml(dial)

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
    file = Path(os.environ.get("BLOCK_LIST", "blocked.txt"))
    if not file.is_file():
        parser.error(f"there is no list at {file}; BLOCK_LIST says where it is")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    application(os.environ.get("FORWARD_TO", "alice"), lambda: listed(file.read_text())).run(
        host="127.0.0.1", port=parser.parse_args().port, threaded=True
    )
