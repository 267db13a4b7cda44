"""A Django service: an async view that generates an image, and a view that receives webhooks.

Run it with `python django_app.py runserver`. In a project of several files, the views and the URLs
go where they always go. With `fal-typed emulator` running and FAL_EMULATOR_HOST set, calls are free
and need no key.
"""

from __future__ import annotations

import json
import sys

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

import fal_typed
from fal_typed import FalError, FalInputError, FalWebhookError, verify_webhook
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, FluxDevOutput, flux_dev

if not settings.configured:
    settings.configure(ROOT_URLCONF=__name__, DEBUG=True, ALLOWED_HOSTS=["*"])
    django.setup()

finished: dict[str, FluxDevOutput] = {}


async def generate(request: HttpRequest) -> HttpResponse:
    """Generate images and wait for them; the server handles other requests meanwhile."""
    try:
        body = FluxDevInput.model_validate(json.loads(request.body))
    except FalInputError as error:
        return JsonResponse({"detail": [str(problem) for problem in error.errors]}, status=422)
    except ValueError:
        return JsonResponse({"detail": "The body is not JSON."}, status=400)
    try:
        result = await fal_typed.subscribe_async(body)
    except FalError as error:
        return JsonResponse({"detail": str(error)}, status=502)
    return JsonResponse(result.data.model_dump(mode="json"))


def submit(request: HttpRequest) -> HttpResponse:
    """Start a job; its result is posted to the webhook."""
    prompt = request.POST["prompt"]
    hook = request.build_absolute_uri("/webhook")
    handle = flux_dev.with_options(webhook_url=hook).submit(prompt=prompt)
    return JsonResponse({"request_id": handle.request_id}, status=202)


def deliver(request: HttpRequest) -> HttpResponse:
    """Store the result of a job. Anyone can send a request, so the signature is verified."""
    try:
        event = verify_webhook(request.headers, request.body, endpoint=flux_dev)
    except FalWebhookError:
        return HttpResponse(status=400)
    if event.data is not None:
        finished[event.request_id] = event.data
    return HttpResponse()


urlpatterns = [
    path("images", csrf_exempt(require_POST(generate))),
    path("jobs", csrf_exempt(require_POST(submit))),
    path("webhook", csrf_exempt(require_POST(deliver))),
]
application = get_asgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
