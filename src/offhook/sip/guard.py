"""Digest authentication as the one who challenges (RFC 3261 section 22, RFC 7616, RFC 8760).

Nonces are signed, not stored: whoever never answers a challenge leaves nothing behind. Of those that were answered it is kept how
far their counter has come, so that nobody can use an answer again that they have seen.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from offhook.sip.digest import HASHES, read_pairs
from offhook.sip.headers import Via
from offhook.sip.message import Request

NONCE_S = 300.0
"""After so long a nonce is stale: the client is asked to try again with a new one, and needs not ask its user."""
MAX_NONCES = 50_000
"""Answered nonces whose counters are remembered; of more, the longest unused are forgotten and become stale at once."""
ALGORITHMS = ("MD5", "SHA-256")
"""MD5 first: there are clients that give up when the first challenge is for something else."""
_RANDOM = 16
_MAC = 32


class Verdict(Enum):
    """What is to be thought of a request's credentials."""

    ABSENT = auto()
    """There are none for our realm, or for a nonce that is not ours."""
    STALE = auto()
    """Right in form, but the nonce is too old or was used before."""
    WRONG = auto()
    RIGHT = auto()


@dataclass(frozen=True, slots=True)
class Secret:
    """A password as it is stored: the hash of name, realm and password for each algorithm."""

    md5: str
    sha256: str

    @classmethod
    def of(cls, username: str, realm: str, password: str) -> Secret:
        """From the password itself."""
        text = f"{username}:{realm}:{password}".encode()
        return cls(HASHES["md5"](text), HASHES["sha-256"](text))

    def for_algorithm(self, algorithm: str) -> str:
        """The hash that an answer by this algorithm begins with."""
        return self.sha256 if algorithm == "sha-256" else self.md5


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a challenge of ours, not yet checked against a password."""

    username: str
    nonce: str
    algorithm: str
    response: str
    uri: str
    qop: str
    counter: str
    cnonce: str


class Guard:
    """Challenges, and checks what comes back.

    Args:
        realm: what clients are told that they need a password for; stored secrets depend on it.
        secret: random octets; nonces of another run of the program are stale, not wrong.
        time: s, of a clock that only goes forward.
        token: so many random hexadecimal digits.
        algorithms: offered in this order; a client takes the first that it knows (RFC 8760 section 2.4).
    """

    def __init__(
        self,
        realm: str,
        secret: bytes,
        time: Callable[[], float],
        token: Callable[[int], str],
        algorithms: Sequence[str] = ALGORITHMS,
    ) -> None:
        self.realm = realm
        self._algorithms = algorithms
        self._secret = secret
        self._time = time
        self._token = token
        self._counters: OrderedDict[str, int] = OrderedDict()

    def challenges(self, request: Request, *, proxy: bool = False, stale: bool = False) -> list[tuple[str, str]]:
        """The fields of a 401 or 407, one for each algorithm; a browser gets only that for MD5, where MD5 is allowed."""
        nonce = self._nonce()
        field = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        tail = ", stale=true" if stale else ""
        return [
            (field, f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={name}, qop="auth"{tail}')
            for name in (("MD5",) if "MD5" in self._algorithms and _of_browser(request) else self._algorithms)
        ]

    def read(self, request: Request, *, proxy: bool = False) -> Answer | None:
        """The credentials for our realm, ``None`` when there are none that answer a challenge of ours. Costs no look-up."""
        for value in request.headers_all("proxy-authorization" if proxy else "authorization")[:4]:
            scheme, _, rest = value.strip().partition(" ")
            pairs = read_pairs(rest) if scheme.lower() == "digest" else {}
            algorithm = pairs.get("algorithm", "MD5").lower()
            known = {"username", "nonce", "uri", "response"} <= pairs.keys() and algorithm in HASHES
            known = known and algorithm in {each.lower() for each in self._algorithms}
            if known and pairs.get("realm") == self.realm and self._made_at(pairs["nonce"]) is not None:
                texts = (pairs.get(name, "") for name in ("qop", "nc", "cnonce"))
                return Answer(pairs["username"], pairs["nonce"], algorithm, pairs["response"].lower(), pairs["uri"], *texts)
        return None

    def check(self, answer: Answer, method: str, secret: Secret | None) -> Verdict:
        """Whether the answer is right, fresh, and was not given before.

        Args:
            secret: of the user that it names; ``None`` where there is no such user: that takes as long as a wrong password.
        """
        known = secret or Secret("0" * 32, "0" * 64)
        expected = self._expected(answer, method, known.for_algorithm(answer.algorithm))
        right = hmac.compare_digest(expected.encode(), answer.response.encode("utf-8", "replace"))
        if not right or secret is None or answer.qop not in {"", "auth"}:
            return Verdict.WRONG
        made_at = self._made_at(answer.nonce)
        fresh = made_at is not None and 0 <= self._time() - made_at <= NONCE_S
        return Verdict.RIGHT if fresh and self._first_time(answer) else Verdict.STALE

    def _expected(self, answer: Answer, method: str, secret: str) -> str:
        digest = HASHES[answer.algorithm]
        target = digest(f"{method}:{answer.uri}".encode("utf-8", "surrogateescape"))
        middle: Sequence[str] = (answer.counter, answer.cnonce, answer.qop) if answer.qop else ()
        return digest(":".join([secret, answer.nonce, *middle, target]).encode("utf-8", "surrogateescape"))

    def _first_time(self, answer: Answer) -> bool:
        """Whether the nonce's counter has grown; without a counter (RFC 2069) a nonce is good for once."""
        try:
            counter = int(answer.counter, 16) if answer.qop else 1
        except ValueError:
            return False
        if counter <= self._counters.get(answer.nonce, 0):
            return False
        self._counters[answer.nonce] = counter
        self._counters.move_to_end(answer.nonce)
        while len(self._counters) > MAX_NONCES:
            self._counters.popitem(last=False)
        return True

    def _nonce(self) -> str:
        head = f"{int(self._time() * 1000):012x}{self._token(_RANDOM)}"
        return head + self._mac(head)

    def _made_at(self, nonce: str) -> float | None:
        """When we made it, by our clock; ``None``: we did not."""
        head, mac = nonce[:-_MAC], nonce[-_MAC:]
        if len(head) != 12 + _RANDOM or not hmac.compare_digest(self._mac(head).encode(), mac.encode("utf-8", "replace")):
            return None
        return int(head[:12], 16) / 1000

    def _mac(self, head: str) -> str:
        return hashlib.blake2b(head.encode("utf-8", "surrogateescape"), key=self._secret, digest_size=_MAC // 2).hexdigest()


def _of_browser(request: Request) -> bool:
    """Whether its first hop was a WebSocket: SIP.js and its kin keep the last challenge of several, and know nothing but MD5."""
    hops = request.items("via")
    return bool(hops) and Via.parse(hops[-1]).transport in {"WS", "WSS"}
