"""linphonec, the phone of the Linphone project without a screen, with sound files for a microphone and a loudspeaker."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from strangers.papers import Papers
from strangers.programs import LOOPBACK, Loopback, free_ports, needed

SETTINGS = """[sip]
sip_port={port}
sip_tcp_port={port}
sip_tls_port={tls}
bind_address={host}
contact="{user}" <sip:{user}@{host}:{port}>
guess_hostname=0
use_ipv6=0
register_only_when_network_is_up=0
media_encryption={encryption}
media_encryption_mandatory={sealed}
root_ca={authority}
verify_server_certs=1
verify_server_cn=1
[net]
dns_srv_enabled=0
[rtp]
audio_rtp_port={media}
"""
CODECS = {
    "opus": (48_000, 2),
    "speex": (16_000, 1),
    "speex8": (8_000, 1),
    "PCMU": (8_000, 1),
    "PCMA": (8_000, 1),
    "G729": (8_000, 1),
}
"""What it has turned on by itself: rate in Hz and channels."""


class Linphone(Loopback):
    """One phone.

    Args:
        speaks: the WAV file that it says; it hears nothing either where there is none.
        answers: whether it takes calls by itself.
        papers: whom it believes when it connects by TLS; it takes no such connections.
        sealed: whether it sends and takes SRTP (SDES) and nothing else.
    """

    def __init__(
        self,
        folder: Path,
        speaks: Path,
        *,
        user: str = "14155550111",
        codec: str = "PCMU",
        answers: bool = False,
        papers: Papers | None = None,
        sealed: bool = False,
    ) -> None:
        program = needed("linphonec", "linphone-cli")
        self.port = free_ports()
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "linphonerc"
        secret = {"authority": "" if papers is None else papers.authority, "tls": 0 if papers is None else -1}
        secret |= {"encryption": "srtp" if sealed else "none", "sealed": int(sealed)}
        settings.write_text(
            SETTINGS.format(port=self.port, media=self.port + 2, host=LOOPBACK, user=user, **secret) + _codecs(codec)
        )
        self._heard = folder / "heard.wav"
        self._rate_hz = CODECS[codec][0]
        (folder / ".local/share/linphone").mkdir(parents=True, exist_ok=True)  # it cannot make the folders of its database
        home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / ".local/share"), "XDG_CONFIG_HOME": str(folder)}
        command = [program, "-c", str(settings), "-d", "0", "-S", *(["-a"] if answers else [])]
        super().__init__(command, folder / "linphone.log", stdin=True, environment=home)
        self._read = 0
        try:
            self.wait_for("linphonec>")
            self.type("soundcard use files")
            self.wait_for("Using wav files")
            self.type("ipv6 disable")
            self.type(f"play {speaks}")
            self.type(f"record {self._heard}")
        except BaseException:
            self.close()
            raise

    def type(self, line: str) -> None:
        """Type a command, or in a call the keys to press."""
        self.running()
        self.stdin.write(line.encode() + b"\n")
        self.stdin.flush()

    def wait_for(self, text: str, timeout_s: float = 20.0) -> None:
        """Wait until it prints this, after what was waited for before."""
        until = time.monotonic() + timeout_s
        while (found := self.log.read_text(errors="replace").find(text, self._read)) < 0:
            self.running()
            assert time.monotonic() < until, f"linphonec does not say {text!r}:\n{self.said()}"
            time.sleep(0.02)
        self._read = found + len(text)

    def uri(self, transport: str = "udp") -> str:
        """Whom to call."""
        return f"sip:{LOOPBACK}:{self.port}" + ("" if transport == "udp" else f";transport={transport}")

    def heard(self) -> npt.NDArray[np.float64]:
        """What it has heard up to now, 8000 Hz."""
        octets = self._heard.read_bytes()[44:] if self._heard.exists() else b""  # the header is empty until the file is closed
        return np.frombuffer(octets[: len(octets) // 2 * 2], "<i2").astype(np.float64)[:: self._rate_hz // 8000]

    def hears(self, seconds: float, timeout_s: float = 20.0) -> npt.NDArray[np.float64]:
        """Wait until it has heard so much sound (not silence) in all; everything from the first on."""
        until = time.monotonic() + timeout_s
        while np.count_nonzero(np.abs(sound := self.heard()) > 50) < seconds * 8000 * 0.9:
            self.running()
            assert time.monotonic() < until, f"it heard {len(sound) / 8000:.1f} s, and hardly a sound:\n{self.said()}"
            time.sleep(0.05)
        return sound


def _codecs(wanted: str) -> str:
    """All of its codecs off but one."""
    return "".join(
        f"[audio_codec_{number}]\nmime={name.rstrip('8')}\nrate={rate}\nchannels={channels}\nenabled={int(name == wanted)}\n"
        for number, (name, (rate, channels)) in enumerate(CODECS.items())
    )
