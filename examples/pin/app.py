"""Asks for a PIN, three times at most, and lets in whoever knows it.

    python examples/pin/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook call sip:100@127.0.0.1:5060 --press "WWWW4711#"

No state is kept between requests: how often the caller has tried stands in the action URL.
"""

from __future__ import annotations

import argparse
import hmac
import logging
import os
import sys

from flask import Flask, Response, request, url_for
from plivo import plivoxml

app = Flask(__name__)
PIN = os.environ.get("PIN", "4711")
TRIES = 3


def ask(attempt: int, text: str) -> Response:
    """Ask for the PIN; whoever types nothing falls through to the goodbye."""
    question = plivoxml.GetDigitsElement(
        action=url_for("typed", attempt=attempt),
        method="POST",
        num_digits=8,
        finish_on_key="#",
        timeout=10,
        digit_timeout=4,
        retries=1,
    )
    question.add(plivoxml.SpeakElement(text))
    document = plivoxml.ResponseElement()
    document.add(question)
    document.add(plivoxml.SpeakElement("We did not hear anything. Good bye."))
    return Response(document.to_string(), mimetype="application/xml")


def say(text: str) -> Response:
    """Say something and hang up."""
    document = plivoxml.ResponseElement()
    document.add(plivoxml.SpeakElement(text))
    document.add(plivoxml.HangupElement())
    return Response(document.to_string(), mimetype="application/xml")


@app.route("/answer", methods=["POST"])
def answer() -> Response:
    """A call arrives."""
    return ask(1, "Please type your PIN, and then the pound key.")


@app.route("/typed/<int:attempt>", methods=["POST"])
def typed(attempt: int) -> Response:
    """Digits arrive, without the pound key."""
    if hmac.compare_digest(request.form["Digits"], PIN):
        print("PIN right", flush=True)
        return say("Thank you. You have no new messages.")
    print("PIN wrong", flush=True)
    if attempt >= TRIES:
        return say("That was wrong too. Good bye.")
    return ask(attempt + 1, "That is not right. Once more, please.")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, default=5001)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    app.run(host="127.0.0.1", port=arguments.parse_args().port, threaded=True)
