"""Real media files, generated when they are downloaded."""
