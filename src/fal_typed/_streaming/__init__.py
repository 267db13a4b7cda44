"""Streaming: flows, and the objects that callers iterate over."""
