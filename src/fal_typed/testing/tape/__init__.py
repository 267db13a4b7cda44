"""Requests that were received, and exchanges recorded and replayed."""
