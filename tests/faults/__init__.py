"""Faults found by use: odd environments, files, images, streams and options."""
