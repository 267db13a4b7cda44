"""A Flask service: it starts jobs and receives their results by webhook, each once.

Run it with `flask --app flask_app run`. With `fal-typed emulator` running and FAL_EMULATOR_HOST
set, calls are free and need no key.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from flask import Flask, Response, jsonify, request, url_for

import fal_typed
from fal_typed import FalError, FalInputError, FalWebhookError, verify_webhook
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev

app = Flask(__name__)
app.config.setdefault("DATABASE", "images.sqlite")


def database() -> sqlite3.Connection:
    """A connection to the database of finished jobs."""
    connection = sqlite3.connect(Path(app.config["DATABASE"]))
    connection.execute("CREATE TABLE IF NOT EXISTS images (request_id TEXT PRIMARY KEY, url TEXT)")
    return connection


@app.errorhandler(FalInputError)
def invalid(error: FalInputError) -> tuple[Response, int]:
    """The request does not match the model's parameters; nothing was sent."""
    return jsonify(detail=[str(problem) for problem in error.errors]), 422


@app.errorhandler(FalError)
def failed(error: FalError) -> tuple[Response, int]:
    """The platform rejected the job, or could not be reached."""
    return jsonify(detail=str(error), request_id=error.request_id), 502


@app.post("/jobs")
def submit() -> tuple[Response, int]:
    """Start a job."""
    body = FluxDevInput.model_validate(request.get_json())
    hook = url_for("deliver", _external=True)
    handle = fal_typed.submit(body, webhook_url=hook)
    return jsonify(request_id=handle.request_id), 202


@app.post("/webhook")
def deliver() -> tuple[str, int]:
    """Store a result. The platform may deliver it twice, and strangers may post anything."""
    try:
        event = verify_webhook(request.headers, request.get_data(), endpoint=flux_dev)
    except FalWebhookError:
        return "", 400
    if event.data is not None:
        row = (event.request_id, event.data.images[0].url)
        with closing(database()) as connection, connection:
            connection.execute("INSERT OR IGNORE INTO images VALUES (?, ?)", row)
    return "", 200


@app.get("/jobs/<request_id>")
def result(request_id: str) -> tuple[Response, int]:
    """The image of a job, once it has been delivered."""
    with closing(database()) as connection:
        query = "SELECT url FROM images WHERE request_id = ?"
        row = connection.execute(query, (request_id,)).fetchone()
    return (jsonify(url=row[0]), 200) if row else (jsonify(status="waiting"), 404)
