"""Calls of endpoints whose body is no plain object, which type checkers reject."""

from fal_bodies.acme.bodies.many import BodiesManyInput
from fal_bodies.acme.bodies.many import endpoint as many
from fal_bodies.acme.bodies.number import endpoint as number
from fal_bodies.acme.bodies.optional import endpoint as optional
from fal_bodies.acme.bodies.tagged import BodiesTaggedInput, Cat
from fal_bodies.acme.bodies.tagged import endpoint as tagged
from fal_bodies.acme.bodies.union import endpoint as union

from fal_typed import FalClient

client = FalClient()

union.subscribe(gamma=1)
union.subscribe(alpha=1, beta="bb")
union.run(alpha="one")
union.run(3)
optional.run()
optional.run(prompt=1)
tagged.run(type="fish", name="Bob")
tagged.run(type="cat", name="Tom", tricks=["sit"])
tagged.run(Cat(name="Tom"), lives=3)
tagged.submit(name=3, type="dog")
many.run("text")
many.run(prompt="a")
number.run("three")
client.run(BodiesManyInput("text"))
client.run(BodiesTaggedInput(3))
