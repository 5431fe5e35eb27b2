"""Ports of a server."""

import socket

from server.ports import Ports


def test_free_ports_are_three_different_ones_that_can_be_taken():
    ports = Ports.free()
    numbers = [ports.http, ports.grpc, ports.metrics]
    assert len(set(numbers)) == 3
    for number in numbers:
        socket.create_server(("127.0.0.1", number)).close()


def test_free_ports_cannot_be_taken_by_an_outgoing_connection():
    ports = Ports.free()
    assert max(ports.http, ports.grpc, ports.metrics) < 32_768


def test_the_default_ports_are_tritons():
    assert Ports().flags() == [
        "--http-port=8000",
        "--grpc-port=8001",
        "--metrics-port=8002",
    ]
