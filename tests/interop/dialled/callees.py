"""Those who are called, played by sipp: scenarios of a few steps, each for any number of calls at once."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

LOOPBACK = "127.0.0.1"
_SDP = """
v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio {port} RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
"""
_CHALLENGE = 'Proxy-Authenticate: Digest realm="far", nonce="n{}", algorithm=MD5, qop="auth"\n'
_CONTACT = "Contact: <sip:callee@[local_ip]:[local_port]>"
_REPLY = """SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]s[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:callee@[local_ip]:[local_port]>
{more}Content-Length: [len]
"""
_IN_DIALOG = """{method} [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:callee@[local_ip]:[local_port]>;tag=[pid]s[call_number]
To: [$caller]
Call-ID: [call_id]
CSeq: {sequence} {method}
Max-Forwards: 70
{more}Content-Length: [len]
"""
_INVITE = re.compile(r"^(INVITE .*?)\r?\n\r?\n", re.DOTALL | re.MULTILINE)
SILENT_PORT = 15_500
"""Nobody reads there; in the descriptions of those who send no sound."""


def scenario(*steps: str) -> str:
    """A scenario of sipp.

    Steps: ``180`` … ``603`` answer the INVITE (``200`` and ``183`` with a description), ``407`` challenges, ``302:<sip:…>`` sends
    elsewhere, ``ack`` awaits the ACK, ``again`` the INVITE with credentials, ``cancelled`` a CANCEL (answered, and 487), ``bye?``
    a BYE from us, ``bye`` hangs up, ``key:1`` an INFO with a key, ``late:1`` one that finds no call any more, ``wait:500`` so
    many ms.
    """
    parts = [_invited()]
    parts += [_step(position, step) for position, step in enumerate(steps, 2)]
    return "<?xml version='1.0'?>\n<scenario name='callee'>\n" + "\n".join(parts) + "\n</scenario>\n"


def _invited() -> str:
    grab = '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>'
    return f'<recv request="INVITE" rrs="true"><action>{grab}</action></recv><Reference variables="caller"/>'


def _step(position: int, step: str) -> str:
    name, _, value = step.partition(":")
    if name.isdigit():
        described = name in {"183", "200"}
        more = "Content-Type: application/sdp\n" if described else ""
        more += _CHALLENGE.format(position) if name == "407" else ""
        body = _SDP.format(port=SILENT_PORT) if described else ""
        reply = _REPLY.format(status=f"{name} Told", more=more)
        return _send((reply.replace(_CONTACT, f"Contact: {value}") if value else reply) + body, resent=int(name) >= 200)
    match name:
        case "ack":
            return '<recv request="ACK"/>'
        case "again":
            return '<recv request="INVITE" rrs="true"/>'
        case "cancelled":
            ended = _send(
                _REPLY.format(status="487 Request Terminated", more="").replace("[last_CSeq:]", "CSeq: [last_CSeq_number] INVITE")
            )
            return '<recv request="CANCEL"/>' + _send(_REPLY.format(status="200 OK", more="")) + ended + '<recv request="ACK"/>'
        case "bye?":
            return '<recv request="BYE"/>' + _send(
                _REPLY.format(status="200 OK", more="").replace(";tag=[pid]s[call_number]", "")
            )
        case "bye":
            request = _IN_DIALOG.format(method="BYE", sequence=position, more="")
            return _send(request, resent=True) + '<recv response="200"/>'
        case "key" | "late":
            more = "Content-Type: application/dtmf-relay\n"
            request = _IN_DIALOG.format(method="INFO", sequence=position, more=more) + f"\nSignal={value}\nDuration=160\n"
            return _send(request, resent=True) + f'<recv response="{200 if name == "key" else 481}"/>'
        case "wait":
            return f'<pause milliseconds="{value}"/>'
    raise ValueError(step)


def _send(message: str, *, resent: bool = False) -> str:
    lines = "\n".join(line.strip() for line in message.splitlines())
    retransmitted = ' retrans="500"' if resent else ""
    return f"<send{retransmitted}><![CDATA[\n{lines}\n]]></send>"


class Callee:
    """Somebody at a port, who does the same in every call."""

    def __init__(self, program: str, folder: Path, name: str, port: int, *steps: str) -> None:
        self.name, self.port = name, port
        file = folder / f"{name}.xml"
        file.write_text(scenario(*steps))
        self._log = (folder / f"{name}.log").open("wb")
        self._errors, self._messages = folder / f"{name}.errors", folder / f"{name}.messages"
        self._process = subprocess.Popen(
            [
                *(program, "-sf", str(file), "-i", LOOPBACK, "-p", str(port), "-nostdin", "-mi", LOOPBACK),
                *("-trace_err", "-error_file", str(self._errors), "-aa", "-nd"),
                *("-trace_msg", "-message_file", str(self._messages)),
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )

    @property
    def user(self) -> str:
        """As an element of ``Dial``."""
        return f"sip:{self.name}@{LOOPBACK}:{self.port}"

    def invites(self) -> list[dict[str, str]]:
        """The INVITEs that came: the header fields of each, the last of a name, and its request URI as ``target``."""
        found = []
        for line, *head in (each.splitlines() for each in _INVITE.findall(self._messages.read_text(errors="replace"))):
            fields = dict(field.split(": ", 1) for field in head if ": " in field)
            found.append({"target": line.split()[1], **fields})
        return found

    def troubles(self) -> str:
        """What sipp did not expect."""
        return self._errors.read_text(errors="replace") if self._errors.exists() else ""

    def close(self) -> None:
        """Stop."""
        self._process.kill()
        self._process.wait()
        self._log.close()


def listening(callees: list[Callee], timeout_s: float = 10.0) -> None:
    """Wait until all of them have their ports."""
    until = time.monotonic() + timeout_s
    wanted = {f"{each.port:04X}" for each in callees}
    while True:
        rows = Path("/proc/net/udp").read_text().splitlines()[1:]
        if wanted <= {row.split()[1].partition(":")[2] for row in rows}:
            return
        if time.monotonic() > until:
            raise TimeoutError("sipp does not listen")
        time.sleep(0.05)
