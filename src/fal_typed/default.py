"""The module's own clients, behind `fal_typed.subscribe(…)` and the endpoints' methods.

They read the key and the hosts from the environment at each call.
"""

from __future__ import annotations

from fal_typed.client import AsyncFalClient, FalClient

client = FalClient()
async_client = AsyncFalClient()

run = client.run
subscribe = client.subscribe
submit = client.submit
stream = client.stream
handle = client.handle
status = client.status
result = client.result
cancel = client.cancel

run_async = async_client.run
subscribe_async = async_client.subscribe
submit_async = async_client.submit
stream_async = async_client.stream
handle_async = async_client.handle
status_async = async_client.status
result_async = async_client.result
cancel_async = async_client.cancel
