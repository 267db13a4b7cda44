"""All I/O: HTTP and websocket transports behind a common interface."""
