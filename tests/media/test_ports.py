import socket

import pytest

from offhook.errors import NoMediaPort
from offhook.media.ports import QUARANTINE_S, PortBook


def borrow_all(book: PortBook, now: float) -> list[int]:
    taken = []
    with pytest.raises(NoMediaPort, match="between 42000 and 42009"):
        while True:
            port, bound = book.borrow(now)
            bound.close()
            taken.append(port)
    return taken


def test_every_even_port_of_the_range_is_lent_once() -> None:
    assert borrow_all(PortBook(42000, 42009, "127.0.0.1"), 0) == [42000, 42002, 42004, 42006, 42008]


def test_the_odd_port_above_must_be_in_the_range_too() -> None:
    book = PortBook(42001, 42004, "127.0.0.1")
    assert book.borrow(0)[0] == 42002
    assert book.free == 0


def test_a_port_that_was_given_back_rests() -> None:
    book = PortBook(42000, 42009, "127.0.0.1")
    borrow_all(book, 10)
    book.give_back(42004, 10)
    assert borrow_all(book, 10 + QUARANTINE_S - 0.1) == []
    assert borrow_all(book, 10 + QUARANTINE_S) == [42004]


def test_the_port_that_rested_longest_is_next() -> None:
    book = PortBook(42000, 42009, "127.0.0.1")
    port, bound = book.borrow(0)
    bound.close()
    book.give_back(port, 0)
    assert borrow_all(book, 100) == [42002, 42004, 42006, 42008, 42000]


def test_a_port_that_somebody_else_has_is_passed_over() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 42002))
        book = PortBook(42000, 42009, "127.0.0.1")
        assert borrow_all(book, 0) == [42000, 42004, 42006, 42008]
    assert borrow_all(book, QUARANTINE_S) == [42002]
