"""Ports for stacks that start at the same time."""

import os
import socket
from pathlib import Path

from backend.rehearsal.ports import PortReservation


def test_two_reservations_never_hold_the_same_port_and_give_them_back(tmp_path: Path) -> None:
    """The folder is what they agree on."""
    one, other = PortReservation(tmp_path), PortReservation(tmp_path)
    ports = [reservation.take() for _ in range(20) for reservation in (one, other)]

    assert len(set(ports)) == len(ports)
    assert len(list(tmp_path.iterdir())) == 40
    one.release()
    other.release()
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_not_handed_out(tmp_path: Path) -> None:
    """Whoever uses it, with or without a reservation."""
    reservation = PortReservation(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        assert not reservation._claim(taken.getsockname()[1])


def test_a_reservation_of_a_process_that_is_gone_does_not_count(tmp_path: Path) -> None:
    """A killed rehearsal does not block its ports for ever."""
    reservation = PortReservation(tmp_path)
    port = reservation.take()
    reservation.release()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    (tmp_path / str(port)).write_text(str(child))

    assert not reservation._claim(port)
    assert reservation._claim(port)
    reservation.release()
