"""Reads endpoint documents and the catalog."""
