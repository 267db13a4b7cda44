"""Postcards, and what is to be seen on them."""
