"""Downloading the files that results name."""
