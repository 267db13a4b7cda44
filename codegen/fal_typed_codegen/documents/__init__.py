"""Endpoint documents: read, pulled, written in one form, and recorded in the lock."""
