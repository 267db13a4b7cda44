"""The routes of the platform's hosts and of the emulator's own page."""
