import errno
import os
import socket
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from app.core.errors import StartupError
from app.listener import listen

LOOPBACK = IPv4Address("127.0.0.1")


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("address", "reachable"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("0.0.0.0", ["127.0.0.1"]),  # noqa: S104 - what the test is about
        ("::1", ["::1"]),
        ("::", ["::1", "127.0.0.1"]),
    ],
)
def test_a_listener_is_reached_at_its_address(address: str, reachable: list[str]) -> None:
    with listen(ip_address(address), 0) as listener:
        for host in reachable:
            with socket.create_connection((host, port_of(listener)), timeout=5) as client:
                accepted, _ = listener.accept()
                with closing(accepted):
                    assert accepted.getpeername()[1] == client.getsockname()[1]


@pytest.mark.parametrize(
    ("first", "second"), [("127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1"), ("127.0.0.1", "::")]
)
def test_a_port_in_use_is_refused_at_once(first: str, second: str) -> None:
    with listen(ip_address(first), 0) as listener:
        port = port_of(listener)
        with pytest.raises(StartupError) as refused:
            listen(ip_address(second), port)
    assert str(refused.value) == (f"Port {port} on {second} is in use. Stop what listens there, or set PORT.")


def test_a_port_is_free_again_as_soon_as_its_service_has_ended() -> None:
    with listen(LOOPBACK, 0) as first:
        port = port_of(first)
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        accepted, _ = first.accept()
    accepted.close()  # first, so that this side waits in TIME_WAIT
    client.close()
    listen(LOOPBACK, port).close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StartupError) as refused:
        listen(IPv4Address("192.0.2.1"), 0)
    assert str(refused.value) == (
        "192.0.2.1 is not an address of this machine. Set BIND_ADDRESS to one that is."
    )


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "Port 80 is for privileged processes only. Set PORT to one above 1023."),
        (
            errno.EAFNOSUPPORT,
            "Port 80 on ::1 can't be used: Address family not supported by protocol.",
        ),
    ],
)
def test_another_obstacle_is_named(monkeypatch: pytest.MonkeyPatch, number: int, sentence: str) -> None:
    def refuse(*_: object, **__: object) -> socket.socket:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(StartupError) as refused:
        listen(IPv6Address("::1"), 80)
    assert str(refused.value) == sentence
