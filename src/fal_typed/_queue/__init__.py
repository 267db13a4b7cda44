"""The queue: statuses, submitting, following and handles."""
