"""Downloads the files of results."""
