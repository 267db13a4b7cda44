"""Calls of a private app's routes with a mistake in every one."""

from __future__ import annotations

from fal_private.acme.studio import Palette, StudioInput, studio
from fal_private.acme.studio.realtime import studio_realtime
from fal_private.acme.studio.realtime.captions import studio_realtime_captions
from fal_private.acme.studio.stream import studio_stream
from fal_private.acme.studio.upscale import studio_upscale

from fal_typed import FalClient

client = FalClient()
studio.run(promt="a")
studio.run(prompt="a", mode="slow")
studio.run(prompt="a", size=("px", 1))
studio.run(prompt="a", palette=Palette(colors=["red"]))
studio.subscribe()
client.subscribe(StudioInput(prompt="a", steps="many"))
print(studio.run(prompt="a").data.image)
studio_upscale.run(image_url="x", factor=3)
print(next(studio_stream.stream(prompt="a")).images)
with studio_realtime.realtime() as session:
    session.send(picture="data:,")
    session.send(pictures=b"")
    print(session.recv().text)
with studio_realtime_captions.realtime() as captions:
    captions.send(picture=b"")
