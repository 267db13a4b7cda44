"""Direct calls, without the queue."""
