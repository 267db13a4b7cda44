"""The core: flows, the drivers that run them, and what every request needs."""
