"""Calls of endpoints whose body is no plain object, which type checkers accept."""

from fal_bodies.acme.bodies.anything import BodiesAnythingOutput
from fal_bodies.acme.bodies.anything import endpoint as anything
from fal_bodies.acme.bodies.flags import Flag
from fal_bodies.acme.bodies.flags import endpoint as flags
from fal_bodies.acme.bodies.many import BodiesManyInput, BodiesManyOutput, Text
from fal_bodies.acme.bodies.many import endpoint as many
from fal_bodies.acme.bodies.number import endpoint as number
from fal_bodies.acme.bodies.optional import endpoint as optional
from fal_bodies.acme.bodies.tagged import BodiesTaggedInput, BodiesTaggedOutput, Cat, Dog
from fal_bodies.acme.bodies.tagged import endpoint as tagged
from fal_bodies.acme.bodies.tree import BranchInput, Leaf
from fal_bodies.acme.bodies.tree import endpoint as tree
from fal_bodies.acme.bodies.union import Alpha, BodiesUnionOutput
from fal_bodies.acme.bodies.union import endpoint as union
from fal_bodies.acme.bodies.words import endpoint as words
from fal_bodies.acme.bodies.zoo import Cat as ZooCat
from fal_bodies.acme.bodies.zoo import endpoint as zoo
from typing_extensions import assert_type

from fal_typed import FalClient, Handle, Result


def call() -> None:
    assert_type(union.subscribe(alpha=1), Result[BodiesUnionOutput])
    assert_type(union.submit(beta="bb", seed=2), Handle[BodiesUnionOutput])
    union.run(Alpha(alpha=1))
    optional.subscribe(prompt="a", seed=None)
    optional.subscribe(None)
    assert_type(tagged.subscribe(type="cat", name="Tom"), Result[BodiesTaggedOutput])
    tagged.run(type="dog", name="Rex", tricks=["sit"])
    tagged.run(type="owl", name="Oz")
    tagged.run(Cat(name="Tom", lives=3))
    flags.run(on=True, level=1)
    flags.run(Flag(on=True, level=1))
    tree.run(BranchInput(children=[Leaf(value=1), BranchInput()]))
    assert_type(many.subscribe([Text(prompt="a")]), Result[BodiesManyOutput])
    many.run([])
    number.run(3)
    words.run(["a"])
    words.run(None)
    assert_type(anything.run({"a": [1]}), Result[BodiesAnythingOutput])
    zoo.run(star=ZooCat(name="Tom"), pets=[ZooCat(name="Tim")])
    client = FalClient()
    assert_type(client.subscribe(Dog(name="Rex")), Result[BodiesTaggedOutput])
    assert_type(client.run(BodiesTaggedInput(Cat(name="Tom"))), Result[BodiesTaggedOutput])
    client.run(BodiesManyInput([Text(prompt="a")]))


async def call_async() -> None:
    assert_type(await union.subscribe_async(alpha=1), Result[BodiesUnionOutput])
    await tagged.run_async(Cat(name="Tom"))
    await many.run_async([Text(prompt="a")])
    handle = await tagged.submit_async(type="dog", name="Rex")
    assert_type((await handle.get()).data, BodiesTaggedOutput)
