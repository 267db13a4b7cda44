"""The server: sockets, connections, TLS, faults on the wire, and `FalEmulator` itself."""
