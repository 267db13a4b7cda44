"""Realtime connections, plain websockets and pipelines."""
