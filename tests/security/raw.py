"""HTTP by hand: requests that no library would send, and servers that no library would be."""

from __future__ import annotations

import socket


def exchange(host: str, data: bytes, *, timeout: float = 10.0, half_close: bool = True) -> bytes:
    """Send bytes, and return all that comes until the server ends the connection."""
    name, _, port = host.rpartition(":")
    with socket.create_connection((name.strip("[]"), int(port)), timeout=timeout) as connection:
        connection.sendall(data)
        if half_close:  # some servers take it for the end of the connection
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def request(
    host: str,
    path: str,
    *headers: tuple[str, str],
    method: str = "GET",
    body: bytes = b"",
) -> tuple[int, dict[str, str], bytes]:
    """Send a request with exactly these headers; its status, headers and body come back."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"content-length: {len(body)}", "connection: close"]
    message = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
    answer = exchange(host, message, half_close=False)
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in rest)
    return int(first.split()[1]), {name.lower(): value for name, value in pairs}, content
