"""A typed Python SDK for fal."""
