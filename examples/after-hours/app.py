"""Lets calls in during opening hours; refuses them as busy at other times, and rejects who is not welcome at all.

    python examples/after-hours/app.py --port 5001 --open 9 --close 17 --block 19005550123
    offhook serve --dev --answer-url http://127.0.0.1:5001/answer
    offhook call sip:100@127.0.0.1:5060

A document that begins with Hangup refuses the call: nothing is answered, nothing is billed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import sys

from flask import Flask, Response, request
from plivo import plivoxml

app = Flask(__name__)


@app.route("/answer", methods=["POST"])
def answer() -> Response:
    """Decide by caller and hour."""
    document = plivoxml.ResponseElement()
    if request.form["From"] in app.config["BLOCKED"]:
        document.add(plivoxml.HangupElement(reason="rejected"))
    elif not app.config["OPEN"] <= dt.datetime.now().astimezone().hour < app.config["CLOSE"]:
        document.add(plivoxml.HangupElement(reason="busy"))
    else:
        document.add(plivoxml.SpeakElement("Good day. All our people are on the phone. Please call again."))
    return Response(document.to_string(), mimetype="application/xml")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--open", type=int, default=9, help="the hour that we open")
    parser.add_argument("--close", type=int, default=17, help="the hour that we close")
    parser.add_argument("--block", action="append", default=[], help="a caller to reject")
    arguments = parser.parse_args()
    app.config.update(OPEN=arguments.open, CLOSE=arguments.close, BLOCKED=set(arguments.block))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sys.modules["flask.cli"].show_server_banner = lambda *_: None
    app.run(host="127.0.0.1", port=arguments.port, threaded=True)
