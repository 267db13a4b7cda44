"""Streaming: flows and the objects that users iterate over."""
