"""An app whose routes take bodies of every kind; each returns its input."""

from typing import Annotated, Any, Literal, Union

from fastapi import Body, FastAPI
from pydantic import BaseModel, Field, RootModel

app = FastAPI()


class Text(BaseModel):
    prompt: str
    seed: int | None = None


class Alpha(BaseModel):
    alpha: int


class Beta(BaseModel):
    beta: str = Field(min_length=2)
    seed: int = 1


class Cat(BaseModel):
    type: Literal["cat"] = "cat"
    name: str
    lives: int = Field(9, le=9)


class Dog(BaseModel):
    type: Literal["dog"] = "dog"
    name: str
    tricks: list[str] = []


class Bird(BaseModel):
    type: Literal["parrot", "owl"]
    name: str


class Flag(BaseModel):
    on: Literal[True]
    level: int


class NoFlag(BaseModel):
    on: Literal[False]
    level: str


class One(BaseModel):
    version: Literal[1] = 1
    text: str


class Two(BaseModel):
    version: Literal[2] = 2
    text: str
    more: bool = False


class Leaf(BaseModel):
    kind: Literal["leaf"] = Field("leaf", alias="@kind")
    value: int


class Branch(BaseModel):
    kind: Literal["branch"] = Field("branch", alias="@kind")
    children: list["Tree"] = []


class Tree(RootModel[Annotated[Union[Leaf, Branch], Field(discriminator="kind")]]):
    pass


AnyPet = Annotated[Union[Cat, Dog, Bird], Field(discriminator="type")]
Versioned = Annotated[Union[One, Two], Field(discriminator="version")]


class Zoo(BaseModel):
    star: AnyPet
    pets: list[AnyPet] = []
    by_name: dict[str, AnyPet] = {}
    plain: Union[Cat, Dog, None] = None
    versioned: Versioned | None = None


@app.post("/optional")
def optional(body: Text | None = None) -> Text | None:
    return body


@app.post("/union")
def union(body: Alpha | Beta) -> Alpha | Beta:
    return body


@app.post("/tagged")
def tagged(body: AnyPet) -> AnyPet:
    return body


@app.post("/plain")
def plain(body: Cat | Dog) -> Cat | Dog:
    return body


@app.post("/flags")
def flags(body: Flag | NoFlag) -> Flag | NoFlag:
    return body


@app.post("/versions")
def versions(body: Versioned) -> Versioned:
    return body


@app.post("/tree")
def tree(body: Tree) -> Tree:
    return body


@app.post("/many")
def many(body: list[Text]) -> list[Text]:
    return body


@app.post("/pets")
def pets(body: Annotated[list[AnyPet], Body(min_length=1)]) -> list[AnyPet]:
    return body


@app.post("/number")
def number(body: Annotated[int, Body(ge=1)]) -> int:
    return body


@app.post("/words")
def words(body: Annotated[str | list[str] | None, Body()] = None) -> str | list[str] | None:
    return body


@app.post("/anything")
def anything(body: Annotated[Any, Body()]) -> Any:
    return body


@app.post("/zoo")
def zoo(body: Zoo) -> Zoo:
    return body
