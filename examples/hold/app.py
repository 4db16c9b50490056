"""Keeps a caller on hold with music until somebody is free, asking the application every few seconds, for so long at most.

    python examples/hold/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook call sip:100@127.0.0.1:5060
    curl -X POST http://127.0.0.1:5001/free        # somebody is free now

Each round is a document of its own that ends in a Redirect to the next: the loop lives in the application, not in the call.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading

from flask import Flask, Response, url_for
from plivo import plivoxml

app = Flask(__name__)
somebody_is_free = threading.Event()


def xml(*elements: plivoxml.PlivoXMLElement) -> Response:
    """A document as a reply."""
    document = plivoxml.ResponseElement()
    for element in elements:
        document.add(element)
    return Response(document.to_string(), mimetype="application/xml")


@app.route("/answer", methods=["POST"])
def answer() -> Response:
    """Greet; whatever happens, the call ends after ten minutes."""
    return xml(
        plivoxml.HangupElement(schedule=600),
        plivoxml.SpeakElement("Please hold the line."),
        plivoxml.RedirectElement(url_for("hold")),
    )


@app.route("/hold", methods=["POST"])
def hold() -> Response:
    """Another round of music, or the end of waiting."""
    if somebody_is_free.is_set():
        somebody_is_free.clear()
        return xml(plivoxml.SpeakElement("Thank you for waiting. Here we are."), plivoxml.HangupElement())
    return xml(plivoxml.WaitElement(length=app.config["ROUND_S"]), plivoxml.RedirectElement(url_for("hold")))


@app.route("/free", methods=["POST"])
def free() -> str:
    """Somebody is free."""
    somebody_is_free.set()
    return "OK"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--round", type=int, default=5, help="seconds of music between two questions")
    arguments = parser.parse_args()
    app.config["ROUND_S"] = arguments.round
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    app.run(host="127.0.0.1", port=arguments.port, threaded=True)
