"""Uploads files and replaces file parameters with their URLs."""
