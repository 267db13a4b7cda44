"""Calls of a private app's routes, as they are meant."""

from __future__ import annotations

from fal_private.acme.studio import Palette, StudioInput, StudioOutput, studio
from fal_private.acme.studio.realtime import StudioRealtimeInput, studio_realtime
from fal_private.acme.studio.realtime.captions import studio_realtime_captions
from fal_private.acme.studio.realtime.collect import studio_realtime_collect
from fal_private.acme.studio.realtime.talk import studio_realtime_talk
from fal_private.acme.studio.stream import StudioStreamInput, studio_stream
from fal_private.acme.studio.upscale import studio_upscale
from fal_private.acme.studio.words import studio_words
from typing_extensions import assert_type

from fal_typed import AsyncFalClient, FalClient, Result

client = FalClient()
assert_type(studio.run(prompt="a", size=(1, "px"), mode="fast"), Result[StudioOutput])
assert_type(studio.submit(prompt="a", palette=Palette(colours=["red"])).get().data.seed, int | None)
assert_type(client.subscribe(StudioInput(prompt="a", seed="x")).data.images[0].url, str)
assert_type(studio_upscale.subscribe(image_url=b"", factor=2).data.images[0].width, int | None)

for progress in studio_stream.stream(prompt="a", strength=0.2):
    assert_type(progress.done, int)
for progress in client.stream(StudioStreamInput(prompt="a")):
    if progress.preview is not None:
        assert_type(progress.preview.url, str)
for word in studio_words.stream(prompt="a"):
    print(word.root["text"])

with studio_realtime.realtime(max_buffering=4) as session:
    session.send(picture=b"", hint=None)
    for caption in session:
        assert_type(caption.thumbnail, bytes | None)
with client.realtime(StudioRealtimeInput) as by_object:
    by_object.send(StudioRealtimeInput(picture=b"", hint="x"))
with studio_realtime_captions.realtime() as captions:
    captions.send(picture="data:,")
    assert_type([caption.thumbnail for caption in captions], list[str | None])


async def main() -> None:
    result = await studio.run_async(prompt="a")
    assert_type(result.data.images[0].height, int | None)
    async for event in studio_stream.stream_async(prompt="a"):
        assert_type(event.done, int)
    async with studio_realtime_collect.realtime_async() as collecting:
        await collecting.send(picture=b"")
        caption = await collecting.recv()
        assert caption is not None
        assert_type(caption.text, str)
    async with (
        AsyncFalClient() as async_client,
        async_client.realtime(studio_realtime_talk) as talk,
    ):
        await talk.send(picture=b"")
        async for answer in talk:
            assert_type(answer.text, str)
