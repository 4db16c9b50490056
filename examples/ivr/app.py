"""A small phone menu, written for Plivo: Flask for the web, Plivo's own SDK for the XML and for checking who asks.

    python examples/ivr/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer

Every request is signed. With PLIVO_AUTH_TOKEN set the app refuses those whose signature is wrong, as it would in production.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys

from flask import Flask, Response, abort, request, url_for
from plivo import plivoxml
from plivo.utils import validate_v3_signature

app = Flask(__name__)

HOURS = "We are open from nine to five, Monday to Friday."
NEWS = "All systems are working. Have a pleasant day."


@app.before_request
def only_the_platform() -> None:
    """Refuse requests that the platform did not sign; print those that it did."""
    if request.path.startswith("/static/") or request.path == "/health":
        return
    token = os.environ.get("PLIVO_AUTH_TOKEN")
    parameters = request.form.to_dict() if request.method == "POST" else {}
    if token:
        signature = request.headers.get("X-Plivo-Signature-V3", "")
        nonce = request.headers.get("X-Plivo-Signature-V3-Nonce", "")
        if not validate_v3_signature(request.method, request.url, nonce, token, signature, parameters):
            abort(403)
    print(json.dumps({"webhook": request.path, **request.values.to_dict()}), flush=True)


def xml(document: plivoxml.ResponseElement) -> Response:
    """A document as a reply."""
    return Response(document.to_string(), mimetype="application/xml")


@app.route("/answer", methods=["GET", "POST"])
def answer() -> Response:
    """The menu. Whoever presses nothing hears the second Speak, and the call ends."""
    menu = plivoxml.GetDigitsElement(
        action=url_for("chosen", _external=True), method="POST", num_digits=1, timeout=7, retries=2, valid_digits="12"
    )
    menu.add(plivoxml.PlayElement(url_for("static", filename="chime.wav", _external=True)))
    menu.add(plivoxml.SpeakElement("Welcome to the Offhook example. For our opening hours, press 1. For the news, press 2."))
    document = plivoxml.ResponseElement()
    document.add(menu)
    document.add(plivoxml.SpeakElement("We did not hear a key. Good bye."))
    return xml(document)


@app.route("/chosen", methods=["POST"])
def chosen() -> Response:
    """The caller pressed a key: go on with the document for it."""
    document = plivoxml.ResponseElement()
    document.add(plivoxml.RedirectElement(url_for("hours" if request.form["Digits"] == "1" else "news", _external=True)))
    return xml(document)


@app.route("/hours", methods=["POST"])
def hours() -> Response:
    """Say when we are open, and hang up."""
    return spoken(HOURS)


@app.route("/news", methods=["POST"])
def news() -> Response:
    """Say what is new, and hang up."""
    return spoken(NEWS)


def spoken(text: str) -> Response:
    """A document that says something and ends the call."""
    document = plivoxml.ResponseElement()
    document.add(plivoxml.SpeakElement(text))
    document.add(plivoxml.HangupElement())
    return xml(document)


@app.route("/hangup", methods=["GET", "POST"])
def hangup() -> str:
    """The call is over; the parameters say how it went."""
    return "OK"


@app.route("/health")
def health() -> str:
    """Whether the app runs."""
    return "OK"


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, default=5001)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    app.run(host="127.0.0.1", port=arguments.parse_args().port, threaded=True)
