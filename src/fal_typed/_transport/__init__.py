"""All I/O: HTTP and websocket transports behind one interface."""
