"""What the emulated platform does: endpoints, jobs, files, keys and their scripts."""
