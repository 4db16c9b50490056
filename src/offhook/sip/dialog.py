"""The state of a dialog, both sides (RFC 3261 section 12), and the requests that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from offhook.sip.errors import SipParseError
from offhook.sip.headers import Address
from offhook.sip.message import Request, Response
from offhook.sip.uri import NameAddr, Uri

DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag."""


@dataclass
class Dialog:
    """Who talks to whom, and by which way."""

    call_id: str
    local: NameAddr
    """With our tag."""
    remote: NameAddr
    """With their tag, once it is known."""
    remote_target: Uri
    route_set: tuple[NameAddr, ...] = ()
    local_sequence: int = 0
    remote_sequence: int | None = None
    transport: str | None = None
    """What URIs that name none are reached by; ``None`` leaves the choice to the length of the request."""
    secure: bool = False
    """Whether it was begun with a SIPS URI: our Contact has to be one too (sections 8.1.1.8 and 12.1.1)."""

    @property
    def id(self) -> DialogId:
        """The key that an incoming request of this dialog has."""
        return (self.call_id, self.local.tag or "", self.remote.tag or "")

    @classmethod
    def answering(cls, invite: Request, local_tag: str, transport: str) -> Dialog:
        """The dialog that our response to ``invite`` makes (section 12.1.1).

        Raises:
            SipParseError: there is no usable Contact.
        """
        if invite.contact is None:
            raise SipParseError("the Contact field is missing")
        routes = tuple(NameAddr.parse(item, "Record-Route") for item in invite.items("record-route"))
        return cls(
            call_id=invite.call_id,
            local=invite.to.tagged(local_tag),
            remote=invite.from_,
            remote_target=invite.contact.uri,
            route_set=routes,
            remote_sequence=invite.cseq.number,
            transport=transport,
            secure="sips" in {_scheme(invite.uri_text), (routes[0].uri if routes else invite.contact.uri).scheme},
        )

    def confirmed_by(self, response: Response) -> Dialog:
        """The dialog that a response to our INVITE makes (section 12.1.2).

        Raises:
            SipParseError: To or Record-Route is not readable.
        """
        routes = tuple(NameAddr.parse(item, "Record-Route") for item in reversed(response.items("record-route")))
        return Dialog(
            call_id=self.call_id,
            local=self.local,
            remote=response.to,
            remote_target=response.contact.uri if response.contact is not None else self.remote_target,
            route_set=routes,
            local_sequence=self.local_sequence,
            transport=self.transport,
            secure=self.secure,
        )

    def refresh(self, response: Response) -> None:
        """Take the target that a 2xx to a re-INVITE names; one that cannot be read changes nothing (section 12.2.1.2)."""
        try:
            if response.contact is not None:
                self.remote_target = response.contact.uri
        except SipParseError:
            return

    def request(
        self,
        method: str,
        *,
        via: str,
        contact: str | None,
        sequence: int,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Request:
        """A request within the dialog, with its route set (section 12.2.1.1); loose and strict routers."""
        uri, routes = self._way()
        fields = [("Via", via), ("Max-Forwards", "70")]
        fields += [("Route", f"<{route}>") for route in routes]
        fields += [
            ("From", str(self.local)),
            ("To", str(self.remote)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{sequence} {method}"),
        ]
        if contact is not None:
            fields.append(("Contact", contact))
        return Request(method, uri, [*fields, *headers], body)

    def _way(self) -> tuple[str, list[Uri]]:
        routes = [route.uri for route in self.route_set]
        if not routes or routes[0].parameter("lr") is not None:
            return _request_uri(self.remote_target), routes
        return _request_uri(routes[0]), [*routes[1:], self.remote_target]  # a strict router wants to be the request URI

    def next_uri(self) -> Uri:
        """The URI that says where a request of this dialog is sent."""
        return self.route_set[0].uri if self.route_set else self.remote_target


DEFAULT_PORTS = {"tls": 5061, "ws": 80, "wss": 443}


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].lower()


def _request_uri(uri: Uri) -> str:
    """Without what a Request-URI must not have: header fields and a method (section 19.1.1)."""
    kept = tuple(pair for pair in uri.parameters if pair[0].lower() != "method")
    return str(replace(uri, parameters=kept, headers=""))


def hop(uri: Uri, transport: str = "udp") -> Address:
    """Where a URI leads, without DNS: its host, its port or 5060, its own transport or the one given (section 18.1.1)."""
    chosen = uri.transport or transport
    if uri.scheme == "sips":
        chosen = "wss" if chosen in {"ws", "wss"} else "tls"
    host = uri.parameter("maddr") or uri.host
    return Address(host, uri.port or DEFAULT_PORTS.get(chosen, 5060), chosen, name=host)
