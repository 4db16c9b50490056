"""Offer and answer (RFC 3264) as pure functions: session descriptions in, what was agreed out.

One audio stream a leg; other streams of an offer are refused with port 0. Codecs: PCMU, PCMA, G.722, Opus (RFC 7587), comfort
noise (RFC 3389) and telephone-event (RFC 4733); over RTP, or over SRTP with keys in the description (RFC 4568).
"""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass, field
from typing import Literal, cast

from offhook.legs import sealing
from offhook.legs.sealing import Sealed
from offhook.sip import sdp

Codec = Literal["PCMU", "PCMA", "G722", "opus"]
Secrecy = Literal["off", "optional", "required"]

CODECS: dict[str, tuple[str, int, int]] = {
    "PCMU": ("PCMU/8000", 0, 8000),
    "PCMA": ("PCMA/8000", 8, 8000),
    "G722": ("G722/8000", 9, 8000),
    "opus": ("opus/48000/2", 111, 48000),
}
"""What we speak: its name in ``a=rtpmap``, its payload type (of Opus, the one that we offer), the clock of its events in Hz."""
COMFORT_NOISE = 13
EVENT_PAYLOAD_TYPES = {8000: 101, 48000: 102}
"""What we offer for telephone-event, by its clock in Hz; an answer uses the offer's number."""
_OPUS_PARAMETERS = "maxplaybackrate=8000;sprop-maxcapturerate=8000;maxaveragebitrate=40000;stereo=0;useinbandfec=1"
_EVENTS = "0-16"
_UNSPECIFIED = frozenset({"0.0.0.0", "::"})  # noqa: S104 - the old way to say "hold" (RFC 3264 section 8.4)
_PLAIN, _SEALED = frozenset({"RTP/AVP", "RTP/AVPF"}), frozenset({"RTP/SAVP", "RTP/SAVPF"})


class NoCommonCodec(Exception):
    """The descriptions share no audio codec, or have no usable audio stream: 488 (reference ``hangup-causes.md`` 6.5)."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides will send, from our point of view."""

    codec: Codec
    payload_type: int
    event_payload_type: int | None
    """``None``: the peer takes no telephone-events, keys go as tones."""
    host: str
    port: int
    """Where our audio goes."""
    send: bool = True
    receive: bool = True
    comfort_noise: bool = False
    """The peer may send comfort noise in its pauses (RFC 3389)."""
    rtcp_port: int | None = None
    """Where it takes RTCP (RFC 3605); ``None``: one above its port."""
    rtcp_mux: bool = False
    """RTCP goes over the port of RTP (RFC 5761)."""
    event_clock_hz: int = 8000
    sealed: Sealed | None = None
    """SRTP; ``None``: plain RTP."""

    @property
    def direction(self) -> str:
        """The SDP word, as our own description says it."""
        return _DIRECTION[self.send, self.receive]

    @property
    def digits(self) -> str:
        """How keys travel, for the timeline."""
        return "inband" if self.event_payload_type is None else f"telephone-event/{self.event_payload_type}"


_DIRECTION = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly", (False, False): "inactive"}
_MIRROR = {"sendrecv": (True, True), "sendonly": (False, True), "recvonly": (True, False), "inactive": (False, False)}
"""What we do (send, receive) when the peer says the word."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What we agree to."""

    codecs: tuple[str, ...] = tuple(CODECS)
    """By preference, the first first; telephone-event and comfort noise go with any."""
    srtp: Secrecy = "optional"
    """``optional``: what is offered sealed is answered sealed, what we offer is plain. ``required``: all has to be sealed."""
    events: bool = True
    """Keys go as telephone events where the peer has them too; otherwise as tones."""
    key: str = field(default="", repr=False)
    """Our master key and salt for SRTP, base64 of 30 octets; without one there is no SRTP."""


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of the audio stream."""

    host: str
    port: int
    identity: int
    """The numeric session id of the ``o=`` line, the same for the whole dialog."""
    version: int = 1
    """Grows with every description that differs from the last (RFC 3264 section 8)."""


_ANY = Terms()


def offer(local: Local, terms: Terms = _ANY) -> sdp.SessionDescription:
    """What we offer: every codec of the terms, comfort noise, and telephone-event in every clock that these have."""
    formats = [(str(CODECS[name][1]), CODECS[name][0]) for name in terms.codecs]
    formats.append((str(COMFORT_NOISE), "CN/8000"))
    clocks = sorted({CODECS[name][2] for name in terms.codecs}) if terms.events else []
    formats += [(str(EVENT_PAYLOAD_TYPES[clock]), f"telephone-event/{clock}") for clock in clocks]
    stream = _audio(local, formats, "sendrecv")
    if terms.srtp == "required":
        stream = dataclasses.replace(stream, protocol="RTP/SAVP", attributes=(*stream.attributes, *sealing.offered(terms.key)))
    return _describe(local, [stream])


def answer(offered: sdp.SessionDescription, local: Local, terms: Terms = _ANY) -> tuple[sdp.SessionDescription, Agreement]:
    """Answer an offer with its first codec that we agree to.

    Raises:
        NoCommonCodec: no audio stream that the terms allow; the text says why.
    """
    position, agreement = _choose(offered, terms)
    streams = [
        _answered(local, agreement, media.protocol)
        if each == position
        else sdp.Media(kind=media.kind, port=0, protocol=media.protocol, formats=media.formats)
        for each, media in enumerate(offered.media)
    ]
    return _describe(local, streams), agreement


def read(description: sdp.SessionDescription, terms: Terms = _ANY) -> Agreement:
    """What an answer to our offer, or an offer by itself, lets us send.

    Raises:
        NoCommonCodec: as ``answer``.
    """
    return _choose(description, terms)[1]


def _choose(description: sdp.SessionDescription, terms: Terms) -> tuple[int, Agreement]:
    why = "no audio stream"
    for position, media in enumerate(description.media):
        if media.kind != "audio" or media.port == 0:
            continue
        found = _agree(description, media, terms)
        if isinstance(found, Agreement):
            return position, found
        why = found
    raise NoCommonCodec(why)


def _agree(description: sdp.SessionDescription, media: sdp.Media, terms: Terms) -> Agreement | str:
    """What this stream lets us do, or why it is no use."""
    host = media.connection or description.connection
    if not host or not _numeric(host):
        # A name is as good as extinct in c= lines, and resolving it would let a stranger choose our look-ups.
        return "no numeric address in c="
    protocol = media.protocol.upper()
    if protocol not in _PLAIN | _SEALED:
        return f"the protocol {media.protocol} is none that we speak"
    if protocol in _PLAIN and terms.srtp == "required":
        return "SRTP is required here (setting srtp), and plain RTP was described"
    sealed = sealing.agreed(media, terms.key) if protocol in _SEALED else None
    if protocol in _SEALED and (terms.srtp == "off" or sealed is None):
        return "SRTP is off here" if terms.srtp == "off" else "no crypto suite in common"
    spoken = _spoken(media)
    voice = next((each for each in spoken if each[0] in terms.codecs), None)
    if voice is None:
        return f"no codec in common; we speak {', '.join(terms.codecs)}"
    events = _events(spoken, CODECS[voice[0]][2]) if terms.events else (None, 8000)
    send, receive = _MIRROR[media.direction or description.direction or "sendrecv"]
    return Agreement(
        codec=cast(Codec, voice[0]),
        payload_type=voice[1],
        event_payload_type=events[0],
        host=host,
        port=media.port,
        send=send and host not in _UNSPECIFIED,
        receive=receive,
        comfort_noise=("CN", COMFORT_NOISE) in spoken and voice[0] != "opus",
        rtcp_port=_rtcp_port(media.attribute("rtcp"), host),
        rtcp_mux=media.attribute("rtcp-mux") is not None,
        event_clock_hz=events[1],
        sealed=sealed,
    )


def _events(spoken: list[tuple[str, int]], clock_hz: int) -> tuple[int | None, int]:
    """The payload type and clock of telephone-event: that of the codec's own clock, else any (RFC 4733 section 2.1)."""
    for clock in (clock_hz, *EVENT_PAYLOAD_TYPES):
        number = next((number for name, number in spoken if name == f"telephone-event/{clock}"), None)
        if number is not None:
            return number, clock
    return None, 8000


def _rtcp_port(value: str | None, host: str) -> int | None:
    """The port of ``a=rtcp:`` (RFC 3605), as long as it is on the same host: reports go to nobody else."""
    words = (value or "").split()
    if not words or not words[0].isdigit() or not 0 < int(words[0]) < 65536 or words[-1] not in {words[0], host}:
        return None
    return int(words[0])


def _numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


_NAMES = {
    **{described.upper(): name for name, (described, _, _) in CODECS.items()},
    "CN/8000": "CN",
    **{f"TELEPHONE-EVENT/{clock}": f"telephone-event/{clock}" for clock in EVENT_PAYLOAD_TYPES},
}
_STATIC = {0: "PCMU", 8: "PCMA", 9: "G722", COMFORT_NOISE: "CN"}


def _spoken(media: sdp.Media) -> list[tuple[str, int]]:
    """The formats that we know, in the peer's order, as (name, payload type)."""
    found = []
    for text in media.formats:
        if not text.isdigit() or int(text) > 127:
            continue
        number = int(text)
        mapped = media.rtpmap(number)
        if mapped is None:
            name = _STATIC.get(number)
        else:
            channels = f"/{mapped.channels}" if mapped.channels > 1 else ""
            name = _NAMES.get(f"{mapped.encoding.upper()}/{mapped.rate_hz}{channels}")
        if name is not None:
            found.append((name, number))
    return found


def _answered(local: Local, agreement: Agreement, protocol: str) -> sdp.Media:
    formats = [(str(agreement.payload_type), CODECS[agreement.codec][0])]
    if agreement.comfort_noise:
        formats.append((str(COMFORT_NOISE), "CN/8000"))
    if agreement.event_payload_type is not None:
        formats.append((str(agreement.event_payload_type), f"telephone-event/{agreement.event_clock_hz}"))
    stream = _audio(local, formats, agreement.direction)
    extra: tuple[tuple[str, str | None], ...] = (("rtcp-mux", None),) if agreement.rtcp_mux else ()
    if agreement.sealed is not None:
        extra += (agreement.sealed.attribute(),)
    protocol = protocol.upper() if agreement.sealed is not None else "RTP/AVP"
    return dataclasses.replace(stream, protocol=protocol, attributes=(*stream.attributes, *extra))


def _audio(local: Local, formats: list[tuple[str, str]], direction: str) -> sdp.Media:
    attributes: list[tuple[str, str | None]] = []
    for number, described in formats:
        attributes.append(("rtpmap", f"{number} {described}"))
        if described.startswith("telephone-event"):
            attributes.append(("fmtp", f"{number} {_EVENTS}"))
        elif described.startswith("opus"):
            attributes.append(("fmtp", f"{number} {_OPUS_PARAMETERS}"))
    attributes += [("ptime", "20"), (direction, None)]
    numbers = tuple(number for number, _ in formats)
    return sdp.Media(kind="audio", port=local.port, protocol="RTP/AVP", formats=numbers, attributes=tuple(attributes))


def _describe(local: Local, streams: list[sdp.Media]) -> sdp.SessionDescription:
    return sdp.SessionDescription(
        username="-",
        session_id=str(local.identity),
        session_version=str(local.version),
        origin_host=local.host,
        name="offhook",
        connection=local.host,
        media=tuple(streams),
    )
