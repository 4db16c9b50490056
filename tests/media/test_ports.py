import socket

import pytest

from offhook.errors import NoMediaPort
from offhook.media.ports import QUARANTINE_S, PortBook


def borrow_all(book: PortBook, now: float) -> list[int]:
    taken = []
    with pytest.raises(NoMediaPort, match="between 15300 and 15309"):
        while True:
            port, sockets = book.borrow(now)
            assert [each.getsockname()[1] for each in sockets] == [port, port + 1]
            for each in sockets:
                each.close()
            taken.append(port)
    return taken


def test_every_even_port_of_the_range_is_lent_once() -> None:
    assert borrow_all(PortBook(15300, 15309, "127.0.0.1"), 0) == [15300, 15302, 15304, 15306, 15308]


def test_the_odd_port_above_must_be_in_the_range_too() -> None:
    book = PortBook(15301, 15304, "127.0.0.1")
    assert book.borrow(0)[0] == 15302
    assert book.free == 0


def test_a_port_that_was_given_back_rests() -> None:
    book = PortBook(15300, 15309, "127.0.0.1")
    borrow_all(book, 10)
    book.give_back(15304, 10)
    assert borrow_all(book, 10 + QUARANTINE_S - 0.1) == []
    assert borrow_all(book, 10 + QUARANTINE_S) == [15304]


def test_the_port_that_rested_longest_is_next() -> None:
    book = PortBook(15300, 15309, "127.0.0.1")
    port, sockets = book.borrow(0)
    for each in sockets:
        each.close()
    book.give_back(port, 0)
    assert borrow_all(book, 100) == [15302, 15304, 15306, 15308, 15300]


def test_a_port_that_somebody_else_has_is_passed_over() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 15302))
        book = PortBook(15300, 15309, "127.0.0.1")
        assert borrow_all(book, 0) == [15300, 15304, 15306, 15308]
    assert borrow_all(book, QUARANTINE_S) == [15302]
