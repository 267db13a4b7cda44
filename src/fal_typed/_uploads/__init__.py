"""Uploading files and replacing file parameters by their URLs."""
