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
realtime = client.realtime
ws_connect = client.ws_connect
pipeline = client.pipeline
handle = client.handle
status = client.status
result = client.result
cancel = client.cancel
upload = client.upload
upload_file = client.upload_file
upload_image = client.upload_image

run_async = async_client.run
subscribe_async = async_client.subscribe
submit_async = async_client.submit
stream_async = async_client.stream
realtime_async = async_client.realtime
ws_connect_async = async_client.ws_connect
pipeline_async = async_client.pipeline
handle_async = async_client.handle
status_async = async_client.status
result_async = async_client.result
cancel_async = async_client.cancel
upload_async = async_client.upload
upload_file_async = async_client.upload_file
upload_image_async = async_client.upload_image
