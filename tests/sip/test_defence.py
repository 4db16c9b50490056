"""Who is not listened to, for how long, and that nobody's memory grows."""

from __future__ import annotations

from offhook.sip import Defence
from offhook.sip.defence import BAN_S, BURST, FAILURES, MAX_ADDRESSES, RATE_PER_S


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.defence = Defence(lambda: self.now, lambda host: host == "198.51.100.1")


def test_who_guesses_passwords_is_banned_for_a_while_and_longer_the_next_time() -> None:
    scene = Scene()
    for _ in range(FAILURES - 1):
        scene.defence.failed("192.0.2.1", "a wrong password")
    assert not scene.defence.ignores("192.0.2.1")
    scene.defence.failed("192.0.2.1", "a wrong password")
    assert scene.defence.ignores("192.0.2.1")
    assert not scene.defence.ignores("192.0.2.2")
    scene.now += BAN_S + 1
    assert not scene.defence.ignores("192.0.2.1")
    for _ in range(FAILURES):
        scene.defence.failed("192.0.2.1", "a wrong password")
    scene.now += BAN_S + 1
    assert scene.defence.ignores("192.0.2.1")


def test_mistakes_are_forgotten_in_time_and_by_a_right_password() -> None:
    scene = Scene()
    for _ in range(3 * FAILURES):
        scene.defence.failed("192.0.2.1", "a wrong password")
        scene.now += 10
        assert not scene.defence.ignores("192.0.2.1")
    for _ in range(3):
        for _ in range(FAILURES - 1):
            scene.defence.failed("192.0.2.3", "a wrong password")
        scene.defence.succeeded("192.0.2.3")
    assert not scene.defence.ignores("192.0.2.3")


def test_a_flood_is_cut_to_its_rate_and_a_trunk_never() -> None:
    scene = Scene()
    taken = 0
    for _ in range(10_000):
        taken += scene.defence.takes("192.0.2.1", "phone")
        scene.now += 0.001
    assert BURST + 9 * RATE_PER_S <= taken <= BURST + 11 * RATE_PER_S
    assert all(scene.defence.takes("198.51.100.1", "friendly-scanner") for _ in range(1000))
    for _ in range(100):
        scene.defence.failed("198.51.100.1", "forged")
    assert not scene.defence.ignores("198.51.100.1")


def test_a_scanner_that_says_so_gets_no_answer() -> None:
    scene = Scene()
    assert not scene.defence.takes("192.0.2.1", "friendly-scanner")
    assert scene.defence.ignores("192.0.2.1")
    assert set(scene.defence.banned()) == {"192.0.2.1"}


def test_a_flood_from_everywhere_does_not_grow_the_table() -> None:
    scene = Scene()
    for number in range(MAX_ADDRESSES + 500):
        scene.defence.takes(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "")
    assert len(scene.defence) == MAX_ADDRESSES
