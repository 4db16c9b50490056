"""Offer and answer (RFC 3264) as pure functions: session descriptions in, what was agreed out.

One audio stream a leg; other streams of an offer are refused with port 0. Codecs: PCMU, PCMA and telephone-event (RFC 4733).
"""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass
from typing import Literal, cast

from offhook.sip import sdp

Codec = Literal["PCMU", "PCMA"]

CODECS = {"PCMU": 0, "PCMA": 8}
"""What we speak, by preference of ours when we offer, with the static payload types of RFC 3551."""
COMFORT_NOISE = 13
EVENT_PAYLOAD_TYPE = 101
"""What we offer for telephone-event; an answer uses the offer's number."""
_EVENTS = "0-16"
_RATE_HZ = 8000
_UNSPECIFIED = frozenset({"0.0.0.0", "::"})  # noqa: S104 - the old way to say "hold" (RFC 3264 section 8.4)


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

    @property
    def direction(self) -> str:
        """The SDP word, as our own description says it."""
        return _DIRECTION[self.send, self.receive]

    @property
    def digits(self) -> str:
        """How keys travel, for the timeline."""
        return "none" if self.event_payload_type is None else f"telephone-event/{self.event_payload_type}"


_DIRECTION = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly", (False, False): "inactive"}
_MIRROR = {"sendrecv": (True, True), "sendonly": (False, True), "recvonly": (True, False), "inactive": (False, False)}
"""What we do (send, receive) when the peer says the word."""


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of the audio stream."""

    host: str
    port: int
    identity: int
    """The numeric session id of the ``o=`` line, the same for the whole dialog."""
    version: int = 1
    """Grows with every description that differs from the last (RFC 3264 section 8)."""


def offer(local: Local) -> sdp.SessionDescription:
    """What we offer: every codec that we speak, by preference, and telephone-event."""
    spoken = [*CODECS.items(), ("CN", COMFORT_NOISE)]
    return _describe(local, [_audio(local, spoken, EVENT_PAYLOAD_TYPE, "sendrecv")])


def answer(offered: sdp.SessionDescription, local: Local) -> tuple[sdp.SessionDescription, Agreement]:
    """Answer an offer with its first codec that we speak.

    Raises:
        NoCommonCodec: no audio stream over RTP/AVP with PCMU or PCMA.
    """
    position, agreement = _choose(offered)
    streams = [
        _answered(local, agreement)
        if each == position
        else sdp.Media(kind=media.kind, port=0, protocol=media.protocol, formats=media.formats)
        for each, media in enumerate(offered.media)
    ]
    return _describe(local, streams), agreement


def read(description: sdp.SessionDescription) -> Agreement:
    """What an answer to our offer, or an offer by itself, lets us send.

    Raises:
        NoCommonCodec: as ``answer``.
    """
    return _choose(description)[1]


def _choose(description: sdp.SessionDescription) -> tuple[int, Agreement]:
    for position, media in enumerate(description.media):
        if media.kind != "audio" or media.port == 0 or media.protocol.upper() not in {"RTP/AVP", "RTP/AVPF"}:
            continue
        agreement = _agree(description, media)
        if agreement is not None:
            return position, agreement
    raise NoCommonCodec


def _agree(description: sdp.SessionDescription, media: sdp.Media) -> Agreement | None:
    host = media.connection or description.connection
    if not host or not _numeric(host):
        return None  # a name: as good as extinct in c= lines, and resolving it would let a stranger choose our look-ups
    spoken = _spoken(media)
    voice = next((pair for pair in spoken if pair[0] in CODECS), None)
    if voice is None:
        return None
    send, receive = _MIRROR[media.direction or description.direction or "sendrecv"]
    return Agreement(
        codec=cast(Codec, voice[0]),
        payload_type=voice[1],
        event_payload_type=next((number for name, number in spoken if name == "TELEPHONE-EVENT"), None),
        host=host,
        port=media.port,
        send=send and host not in _UNSPECIFIED,
        receive=receive,
        comfort_noise=("CN", COMFORT_NOISE) in spoken,
        rtcp_port=_rtcp_port(media.attribute("rtcp"), host),
        rtcp_mux=media.attribute("rtcp-mux") is not None,
    )


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


def _spoken(media: sdp.Media) -> list[tuple[str, int]]:
    """The formats that we know, in the peer's order, as (name, payload type)."""
    found = []
    for text in media.formats:
        if not text.isdigit() or int(text) > 127:
            continue
        number = int(text)
        mapped = media.rtpmap(number)
        if mapped is None:
            name = next((name for name, static in {**CODECS, "CN": COMFORT_NOISE}.items() if static == number), None)
        else:
            name = mapped.encoding.upper() if mapped.rate_hz == _RATE_HZ else None
        if name is not None and (name in CODECS or name in {"TELEPHONE-EVENT", "CN"}):
            found.append((name, number))
    return found


def _answered(local: Local, agreement: Agreement) -> sdp.Media:
    spoken: list[tuple[str, int]] = [(agreement.codec, agreement.payload_type)]
    if agreement.comfort_noise:
        spoken.append(("CN", COMFORT_NOISE))
    stream = _audio(local, spoken, agreement.event_payload_type, agreement.direction)
    if not agreement.rtcp_mux:
        return stream
    return dataclasses.replace(stream, attributes=(*stream.attributes, ("rtcp-mux", None)))


def _audio(local: Local, codecs: list[tuple[str, int]], events: int | None, direction: str) -> sdp.Media:
    formats = [str(number) for _, number in codecs]
    attributes: list[tuple[str, str | None]] = [("rtpmap", f"{number} {name}/{_RATE_HZ}") for name, number in codecs]
    if events is not None:
        formats.append(str(events))
        attributes += [("rtpmap", f"{events} telephone-event/{_RATE_HZ}"), ("fmtp", f"{events} {_EVENTS}")]
    attributes += [("ptime", "20"), (direction, None)]
    return sdp.Media(kind="audio", port=local.port, protocol="RTP/AVP", formats=tuple(formats), attributes=tuple(attributes))


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
