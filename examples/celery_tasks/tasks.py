"""Celery tasks that never pay twice: one submits a job, another fetches its result.

Celery may run a task again, after a failure or when a worker is killed. Submitting again would
bill a second job, so the task that submits is never retried, and the task that waits for the
result needs the request id only.

Run it with `celery -A tasks worker` and BROKER_URL set, and call `generate("a cat").delay()`.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, chain

from fal_typed import FalConnectionError, FalServerError
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev

app = Celery(
    "tasks",
    broker=os.environ.get("BROKER_URL", "memory://"),
    backend=os.environ.get("RESULT_BACKEND", "cache+memory://"),
)


@app.task(acks_late=False, max_retries=0)
def submit(prompt: str) -> str:
    """Submit a job and return its request id."""
    return flux_dev.submit(prompt=prompt).request_id


@app.task(
    acks_late=True,
    autoretry_for=(FalConnectionError, FalServerError),
    retry_backoff=True,
    max_retries=5,
)
def fetch(request_id: str) -> list[str]:
    """Wait for a job and return the URLs of its images; running it again costs nothing."""
    return [image.url for image in flux_dev.result(request_id, timeout=600).data.images]


def generate(prompt: str) -> Any:
    """The workflow that generates images of a prompt."""
    return chain(submit.s(prompt), fetch.s())
