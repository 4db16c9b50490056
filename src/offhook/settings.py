"""What an operator can set: by TOML file, environment and flag, in rising order.

Each setting stands once, as a field of ``Settings`` whose metadata says how to read it and what it means; the loader, the error
messages, ``offhook settings`` and ``docs/settings.md`` derive from that.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from offhook.errors import SettingsError

CODECS = ("PCMU", "PCMA", "G722", "opus")
_ENVIRONMENT_PREFIX = "OFFHOOK_"


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where to listen. Port 0 takes any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> HostPort:
        """Read ``host:port``, ``[v6]:port`` or ``:port``; raise ``ValueError`` with the rule."""
        host, colon, port = text.strip().rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError("must be host:port, for example 127.0.0.1:5060")
        return cls(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - ":5060" asks for every interface


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """What peers are told to reach us at: one address for all, others for some networks."""

    default: str | None = None
    networks: tuple[tuple[IPv4Network | IPv6Network, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> PublicAddress:
        """Read ``address, network=address, …``; raise ``ValueError`` with the rule."""
        default, networks = None, []
        for item in filter(None, (part.strip() for part in text.split(","))):
            network, equals, address = item.partition("=")
            try:
                if equals:
                    networks.append((ip_network(network.strip(), strict=False), str(ip_address(address.strip()))))
                    continue
            except ValueError:
                raise ValueError("must be an address, or network=address as in 10.0.0.0/8=10.1.2.3") from None
            if default is not None:
                raise ValueError("must not have more than one address without a network before it")
            default = item
        return cls(default, tuple(networks))

    def __str__(self) -> str:
        return ", ".join([*([self.default] if self.default else []), *(f"{network}={told}" for network, told in self.networks)])


def _port_range(text: str) -> tuple[int, int]:
    low, dash, high = text.strip().partition("-")
    if not (dash and low.strip().isdigit() and high.strip().isdigit()):
        raise ValueError("must be low-high, for example 16384-32766")
    ports = int(low), int(high)
    if not 1024 <= ports[0] < ports[1] <= 65535:
        raise ValueError("must lie between 1024 and 65535, the lower port first")
    return ports


def _database(text: str) -> str:
    text = text.strip()
    if not text.startswith(("sqlite:////", "postgresql://", "postgres://")):
        raise ValueError("must be sqlite:////path/to/file or postgresql://user:password@host/database")
    return text


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _port(text: str) -> int:
    if not text.strip().isdigit() or int(text) > 65535:
        raise ValueError("must be a port from 0 to 65535")
    return int(text)


def _rate(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 100_000:
        raise ValueError("must be between 0.1 and 100000 a second")
    return value


def _attestation(text: str) -> str:
    if text.strip().upper() not in {"A", "B", "C"}:
        raise ValueError("must be A, B or C")
    return text.strip().upper()


def _realm(text: str) -> str:
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable() or '"' in text or "\\" in text:
        raise ValueError("must be plain characters without quotes")
    return text


def _digest(text: str) -> tuple[str, ...]:
    words = tuple(word.strip().upper() for word in text.split(","))
    if not words or not set(words) <= {"MD5", "SHA-256"} or len(set(words)) < len(words):
        raise ValueError("must be MD5, SHA-256 or both, separated by a comma")
    return words


def _strangers(text: str) -> str:
    if text.strip().lower() not in {"answer", "refuse"}:
        raise ValueError("must be answer or refuse")
    return text.strip().lower()


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}[
            text.strip().lower()
        ]
    except KeyError:
        raise ValueError("must be true or false") from None


def _method(text: str) -> str:
    if text.strip().upper() not in {"GET", "POST"}:
        raise ValueError("must be GET or POST")
    return text.strip().upper()


def _codecs(text: str) -> tuple[str, ...]:
    names = {name.lower(): name for name in CODECS}
    words = [word.strip().lower() for word in text.split(",")]
    if not all(word in names for word in words) or len(set(words)) < len(words):
        raise ValueError(f"must be one or more of {', '.join(CODECS)}, separated by commas, each once")
    return tuple(names[word] for word in words)


def _srtp(text: str) -> str:
    if text.strip().lower() not in {"off", "optional", "required"}:
        raise ValueError("must be off, optional or required")
    return text.strip().lower()


def _url(text: str) -> str:
    if not text.strip().lower().startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return text.strip()


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86400:
        raise ValueError("must be between 0 and 86400 seconds")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 1_000_000:
        raise ValueError("must be between 0 and 1000000")
    return value


def _waits(text: str) -> tuple[float, ...]:
    waits = tuple(float(each) for each in text.split(",")) if text.strip() else ()
    if len(waits) > 20 or not all(0 <= each <= 604_800 for each in waits):
        raise ValueError("must be up to 20 waits of 0 to 604800 seconds, separated by commas, for example 1,5,30,300")
    return waits


def _metrics(text: str) -> str:
    text = text.strip()
    if text.lower() in {"off", "local", "all"}:
        return text.lower()
    if len(text) < 16 or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be off, local, all, or a token of 16 characters or more without spaces")
    return text


def _auth_id(text: str) -> str:
    text = text.strip()
    if len(text) != 20 or not text.startswith(("MA", "SA")) or not text.isalnum() or text != text.upper():
        raise ValueError("must be MA or SA and 18 capitals or digits, as Plivo's SDKs demand")
    return text


def _level(text: str) -> str:
    if text.strip().lower() not in {"debug", "info", "warning", "error"}:
        raise ValueError("must be debug, info, warning or error")
    return text.strip().lower()


def _setting(read: Callable[[str], Any], default: Any, meaning: str, example: str = "") -> Any:
    return field(default=default, metadata={"read": read, "meaning": meaning, "example": example})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Build it with ``load``; the defaults alone make a working node."""

    data: Path = _setting(
        lambda text: Path(text).expanduser(),
        Path("~/.local/share/offhook").expanduser(),
        "Folder for the database, caches and recordings; made when absent.",
    )
    database: str | None = _setting(
        _database,
        None,
        "Where accounts, calls and the rest are written down: `sqlite:////path/to/file` or "
        "`postgresql://user:password@host/database`; else the file `offhook.db` in the data folder.",
    )
    http: HostPort = _setting(HostPort.parse, HostPort("127.0.0.1", 8080), "Where HTTP (health, API) listens: `host:port`.")
    sip: HostPort = _setting(
        HostPort.parse,
        HostPort("0.0.0.0", 5060),  # noqa: S104 - phones come from outside
        "Where SIP listens, UDP and TCP on the same port: `host:port`.",
    )
    rtp_ports: tuple[int, int] = _setting(
        _port_range, (16384, 32766), "UDP ports for audio: `low-high`. A call takes an even one."
    )
    codecs: tuple[str, ...] = _setting(
        _codecs,
        CODECS,
        "Audio codecs: those that calls may use, and the order in which we offer them. An answer takes the caller's order.",
        "PCMA,PCMU",
    )
    srtp: str = _setting(
        _srtp,
        "optional",
        "`off`; `optional`: calls that come with SRTP (SDES) are answered with it; `required`: no others are taken.",
    )
    public_address: PublicAddress = _setting(
        PublicAddress.parse,
        PublicAddress(),
        "The address that peers reach this node at, when it is not the one it listens on (NAT). For some networks others: "
        "`203.0.113.5, 10.0.0.0/8=10.1.2.3`.",
    )
    sip_domain: str | None = _setting(
        str.strip, None, "The name that endpoints register at, and that is written in our SIP addresses; else the address."
    )
    sip_realm: str = _setting(
        _realm,
        "offhook",
        "What digest challenges name. Stored passwords depend on it: set it before adding endpoints.",
    )
    digest: tuple[str, ...] = _setting(
        _digest,
        ("MD5", "SHA-256"),
        "Digest algorithms that passwords may be proved by, in the order offered. MD5 comes first because some phones "
        "stumble over anything before it; `SHA-256` alone where all know it.",
    )
    strangers: str = _setting(
        _strangers,
        "answer",
        "`answer` or `refuse`: what becomes of calls that come from no trunk's address and with no endpoint's password.",
    )
    requests_per_s: float = _setting(
        _rate, 20.0, "New SIP requests that one address may make in a second, when it is no trunk and nobody is registered there."
    )
    sip_tls: int = _setting(_port, 5061, "The port of SIP over TLS, once there is a certificate; 0 takes any free one.")
    tls_certificate: Path | None = _setting(
        _path,
        None,
        "PEM file of the certificate and its intermediates. A new one is used within 30 s, or on SIGHUP.",
    )
    tls_key: Path | None = _setting(_path, None, "PEM file of its key, when that is not in the same file.")
    tls_authorities: Path | None = _setting(
        _path, None, "PEM file of the authorities that servers we connect to are checked with; else those of the system."
    )
    tls_verify: bool = _setting(_boolean, True, "Whether the certificates of servers that we connect to are checked.")
    stir_authorities: Path | None = _setting(
        _path,
        None,
        "PEM file of the authorities for signers of callers' numbers (STIR/SHAKEN); without it none is believed.",
    )
    stir_key: Path | None = _setting(_path, None, "PEM file of the P-256 key that our calls by trunks are signed with.")
    stir_certificate_url: str | None = _setting(_url, None, "Where everybody finds the certificate of that key.")
    stir_attestation: str = _setting(_attestation, "A", "`A`, `B` or `C`: what we attest of our callers.")
    http_tls: bool = _setting(
        _boolean, False, "Whether the HTTP port speaks HTTPS, with the same certificate; WebSockets are WSS."
    )
    auth_id: str | None = _setting(_auth_id, None, "The main account's id. Made and shown once when absent.")
    auth_token: str | None = _setting(str.strip, None, "The main account's token. Made and shown once when absent.")
    api_requests: int = _setting(_count, 300, "API requests that an account may make in 5 s; more get 429. 0: no limit.")
    api_windows: bool = _setting(
        _boolean,
        False,
        "Whether lists of calls go back as far as Plivo's and no further: 7 days unless asked for more, 30 at a time, 90 in all.",
    )
    keep_calls_days: int = _setting(
        _count, 0, "Call records, their timelines and the log of web hooks are removed after so many days; 0: never."
    )
    endpoint_suffix: bool = _setting(
        _boolean,
        True,
        "Whether endpoints that the API makes have twelve digits behind the name that was asked for, as Plivo's have.",
    )
    answer_url: str | None = _setting(_url, None, "Answers any number that has no application.")
    answer_method: str = _setting(_method, "POST", "How `answer_url` is requested.")
    fallback_url: str | None = _setting(_url, None, "Asked when `answer_url` fails.")
    hangup_url: str | None = _setting(
        _url, None, "Gets the hangup request of calls that `answer_url` answers; without it `answer_url` does."
    )
    hangup_method: str = _setting(_method, "POST", "How `hangup_url` is requested.")
    hangup_defaults_to_answer: bool = _setting(
        _boolean, True, "Whether the answer URL gets the hangup request where no hangup URL is set."
    )
    allow_private_urls: bool = _setting(
        _boolean, False, "Whether customers' URLs may lie on private and loopback addresses. `serve --dev` turns it on."
    )
    nearest_voice: bool = _setting(
        _boolean, True, "Whether `Speak` uses the nearest voice when it has not the very one; else the document is refused."
    )
    sign_v1: bool = _setting(_boolean, False, "Whether requests carry the historical V1 signature as well.")
    hook_backoff: tuple[float, ...] = _setting(
        _waits,
        (),
        "How long a notification waits before each further round of attempts when its URL cannot be reached, in seconds: "
        "`1,5,30,300`. Without it the attempts that the URL allows are all ([web hooks](webhooks.md)).",
    )
    drain_s: float = _setting(_seconds, 30.0, "How long SIGTERM waits for running calls to finish, in seconds.")
    media_timeout_s: float = _setting(
        _seconds, 60.0, "A call whose caller sends no audio for so long is ended, in seconds; 0 turns that off."
    )
    public_url: str | None = _setting(
        _url,
        None,
        "How the HTTP port is reached from outside, for the URLs of recordings: `https://voice.example.com`. Else made of "
        "`public_address` or `http`.",
    )
    recordings: Path | None = _setting(
        _path, None, "Folder for recordings, when it is not `recordings` in `data`; nodes that share a database share it too."
    )
    recording_days: int = _setting(_count, 0, "Recordings are deleted after so many days; 0 keeps them for ever.")
    protect_recordings: bool = _setting(
        _boolean,
        False,
        "Whether a recording's file is only given to its account (HTTP Basic), not to everybody who knows its URL.",
    )
    disk_reserve_mb: int = _setting(
        _count, 256, "MiB that stay free on the disk of recordings: below that no recording begins, and those that run end."
    )
    adopt_after_s: float = _setting(
        _seconds,
        300.0,
        "With PostgreSQL: a node that was not there for so long, in seconds, is taken for gone; another closes its calls and "
        "delivers its notifications. 0: never.",
    )
    max_calls: int = _setting(int, 2000, "Calls at a time; more are refused with 503.")
    account_calls: int = _setting(
        _count,
        0,
        "Calls that an account may have at once, in and out; more are refused: 403 by the API, busy for callers. 0: no limit.",
    )
    calls_per_s: float = _setting(_rate, 2.0, "Calls that are placed a second for each account; more wait in line.")
    metrics: str = _setting(
        _metrics,
        "local",
        "Who may read `/metrics`: `off`, `local` (loopback and private addresses, not what a proxy passes on), `all`, or a token "
        "that has to come with the request (`Authorization: Bearer …`).",
    )
    log_level: str = _setting(_level, "info", "`debug`, `info`, `warning` or `error`.")

    @property
    def stored_in(self) -> Path | str:
        """The database: a file, or its URL."""
        return self.database or self.data / "offhook.db"


def recordings_folder(settings: Settings) -> Path:
    """Where recordings are."""
    return settings.recordings or settings.data / "recordings"


def load(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, str | None] | None = None,
) -> Settings:
    """Read the settings: defaults, then the TOML ``file``, then ``OFFHOOK_*`` of the environment, then flags.

    Args:
        file: a TOML file of flat keys; ``None`` reads none.
        environment: ``os.environ`` unless given.
        flags: by setting name, as text; ``None`` values are absent.

    Raises:
        SettingsError: names the setting, where it came from, the rule and the remedy.
    """
    environment = os.environ if environment is None else environment
    known = {each.name: each for each in fields(Settings)}
    values: dict[str, Any] = {}

    def take(name: str, text: object, place: str) -> None:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; the settings are {', '.join(known)}"
            raise SettingsError(f"{place}: there is no setting {name!r}{hint}")
        rendered = str(text).lower() if isinstance(text, bool) else str(text)
        try:
            values[name] = known[name].metadata["read"](rendered)
        except ValueError as error:
            shown = "***" if name in {"auth_token", "database", "metrics"} else repr(text)
            raise SettingsError(f"{place}: {name} is {shown}, but {error}") from None

    for name, value in _read_file(file).items():
        take(name, value, str(file))
    for name in known:
        variable = _ENVIRONMENT_PREFIX + name.upper()
        if environment.get(variable, "").strip():
            take(name, environment[variable], variable)
    for name, flag in (flags or {}).items():
        if flag is not None:
            take(name, flag, "--" + name.replace("_", "-"))
    return Settings(**values)


def _read_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror}); check the path given to --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from None


def reference() -> str:
    """The settings as a Markdown table, for ``docs/settings.md``."""
    rows = ["| setting | environment | default | meaning |", "| --- | --- | --- | --- |"]
    for each in fields(Settings):
        default: Any = each.default
        shown = (
            "–"
            if default in (None, PublicAddress(), ())
            else "`~/.local/share/offhook`"
            if each.name == "data"
            else f"`{default[0]}-{default[1]}`"
            if each.name == "rtp_ports"
            else f"`{','.join(default)}`"
            if isinstance(default, tuple)
            else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        )
        rows.append(f"| `{each.name}` | `{_ENVIRONMENT_PREFIX}{each.name.upper()}` | {shown} | {each.metadata['meaning']} |")
    return "\n".join(rows) + "\n"
