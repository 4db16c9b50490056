"""Tells callers something without ever answering: early media, no bill. Python's own web server, the XML written by hand.

    python examples/announcement/app.py --port 5001
    offhook serve --dev --answer-url http://127.0.0.1:5001/
    offhook call sip:100@127.0.0.1:5060

The phone hears the sentence while it still rings, and is then told that the line is busy.
"""

from __future__ import annotations

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DOCUMENT = b"""<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <PreAnswer>
    <Speak>The number that you have dialled has changed. Please look it up on our web site.</Speak>
  </PreAnswer>
  <Hangup reason="busy"/>
</Response>
"""


class Announcement(BaseHTTPRequestHandler):
    """Says the same to every request."""

    def do_POST(self) -> None:
        """Read the parameters away, and reply."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(DOCUMENT)))
        self.end_headers()
        self.wfile.write(DOCUMENT)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, default=5001)
    ThreadingHTTPServer(("127.0.0.1", arguments.parse_args().port), Announcement).serve_forever()
