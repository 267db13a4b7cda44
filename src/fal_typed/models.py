"""Base classes of the generated input and output models.

Generated modules import these names. Calls use the models to check inputs (`_calls/checking.py`)
and to build outputs (`_calls/outputs.py`).
"""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    Union,
    cast,
    get_args,
    get_origin,
)

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    RootModel,
    ValidationError,
    model_validator,
)
from pydantic_core import (
    PydanticCustomError,
    PydanticSerializationUnexpectedValue,
    core_schema,
    from_json,
)
from typing_extensions import Self, TypeVar

from fal_typed._calls.attribute_docs import attribute_docs
from fal_typed._calls.checking import input_error, plain
from fal_typed._calls.schema_rules import frozen, violations
from fal_typed._calls.unsent_files import reject_unsent_files
from fal_typed._core.caller_warnings import warn_caller
from fal_typed._display.notebook import NotebookView
from fal_typed._display.short_repr import shortened
from fal_typed.errors import Problem

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue

    from fal_typed._calls.endpoint_spec import EndpointSpec

Body = TypeVar("Body")
Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers


class _Unset:
    """The type of `UNSET`, which means that a parameter was not passed."""

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "UNSET"

    def __copy__(self) -> _Unset:
        return self

    def __deepcopy__(self, memo: object) -> _Unset:
        return self


# Typed Any, so that it can be the default of a parameter of any type, while an explicit None is
# still an error for type checkers and at run time.
UNSET: Any = _Unset()
"""Default of optional parameters without a default in the schema; never sent."""


def _unset() -> object:
    return UNSET


def _is_unset(value: object) -> bool:
    return value is UNSET


def _check_unique(items: list[Any]) -> list[Any]:
    if len({frozen(plain(item)) for item in items}) < len(items):
        raise PydanticCustomError("unique_items", "The list contains the same item twice")
    return items


class _Unique:
    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(_check_unique, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "uniqueItems": True}


UniqueItems = _Unique()
"""Marks a list parameter whose items must be unique."""


class SchemaRule:
    """Marks a parameter that is checked against a schema, because its type accepts more.

    Args:
        schema: A JSON schema.
        is_partial: Whether the schema also allows values that the type rejects, such as an object
            with the properties of two members of a union. They are kept as they are.
    """

    def __init__(self, schema: Mapping[str, Any], *, is_partial: bool = False) -> None:
        self._schema = schema
        self._is_partial = is_partial

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Check the value after its type."""
        typed = handler(source)
        checked = core_schema.no_info_after_validator_function(self._check, typed)
        if not self._is_partial:
            return checked
        either = core_schema.union_schema([typed, core_schema.any_schema()], mode="left_to_right")
        return core_schema.no_info_wrap_validator_function(
            self._check_or_keep,
            checked,
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda value, handler: handler(value), schema=either
            ),
        )

    def _check_or_keep(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            kept = plain(value)
            if violations(self._schema, kept):
                raise
            return kept

    def _check(self, value: Any) -> Any:
        _check_rule(self._schema, plain(value))
        return value


def _check_rule(schema: Mapping[str, Any], value: object) -> None:
    found = violations(schema, value)
    if found:
        lines = (str(Problem(path, text, "schema_rule")) for path, text in found)
        # Braces in text of a document would be read as placeholders.
        raise PydanticCustomError("schema_rule", "{text}", {"text": "; ".join(lines)})


def _deprecations(model: type[BaseModel], made: BaseModel) -> Iterator[str]:
    """Deprecation messages for an input that was just created."""
    if "__deprecated__" in vars(model):
        yield vars(model)["__deprecated__"]
    for name in _deprecated_fields(model) & made.model_fields_set:
        yield f"Parameter {name!r} of {model.__name__} is deprecated."


@functools.cache
def _deprecated_fields(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, info in model.model_fields.items() if info.deprecated)


_building = threading.RLock()


class _Model(BaseModel):
    """What inputs and outputs share."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        # The build of this class is deferred, that of a `TypeAdapter` for it must not be: FastAPI
        # suppresses a warning only where it creates one.
        if cls.__module__ != __name__:
            cls.model_config["defer_build"] = False

    @classmethod
    def model_rebuild(
        cls,
        *,
        force: bool = False,
        raise_errors: bool = True,
        _parent_namespace_depth: int = 2,
        _types_namespace: Mapping[str, Any] | None = None,
    ) -> bool | None:
        """Build the deferred validator; in one thread at a time, as older versions need it."""
        with _building:
            return super().model_rebuild(
                force=force,
                raise_errors=raise_errors,
                _parent_namespace_depth=_parent_namespace_depth + (_parent_namespace_depth > 0),
                _types_namespace=_types_namespace,
            )

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return ((name, shortened(value)) for name, value in super().__repr_args__())

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        json_schema = handler(schema)
        shown = handler.resolve_ref_schema(json_schema).get("properties", {})
        for name, text in attribute_docs(cls).items():
            info = cls.model_fields.get(name)
            for key in (name, info.alias if info else None):
                if key in shown:
                    shown[key].setdefault("description", text)
        return json_schema


if TYPE_CHECKING:

    class Request(Generic[Out]):
        """An input that is bound to its endpoint, and so to the type of its result."""

        __fal_endpoint__: ClassVar[EndpointSpec | None]

    class _InputBase(_Model):
        # Editors show this docstring for every input; without it they show pydantic's.
        def __init__(self, **parameters: Any) -> None:
            """Create an input from keyword arguments and check it against the schema.

            Raises:
                FalInputError: The input is invalid; the error lists all problems.
            """

else:

    class Request:
        """An input that is bound to its endpoint, and so to the type of its result."""

        __fal_endpoint__ = None

        # A real Generic would make pydantic build a parametrized class per endpoint.
        def __class_getitem__(cls, item: object) -> type:
            return cls

    class _InputMeta(type(BaseModel)):
        # On the metaclass, so that it applies to inputs that users create, not to nested values
        # that pydantic builds during validation.
        def __call__(cls, /, *args: object, **kwargs: object) -> object:
            with _input_errors(cls, args[0] if args else kwargs):
                made = super().__call__(*args, **kwargs)
            for text in _deprecations(cls, made):
                warn_caller(text, DeprecationWarning)
            return made

    class _InputBase(_Model, metaclass=_InputMeta):
        @classmethod
        def model_validate(cls, obj: object, **options: object) -> object:
            with _input_errors(cls, obj):
                return super().model_validate(obj, **options)

        @classmethod
        def model_validate_json(cls, json_data: object, **options: object) -> object:
            with _input_errors(cls, json_data, is_json=True):
                return super().model_validate_json(json_data, **options)

        @classmethod
        def model_validate_strings(cls, obj: object, **options: object) -> object:
            with _input_errors(cls, obj):
                return super().model_validate_strings(obj, **options)

        def model_dump(self, **options: object) -> dict[str, object]:
            return super().model_dump(**{**options, "exclude_unset": True})

        def __setattr__(self, name: str, value: object) -> None:
            with _input_errors(type(self), {name: value}):
                super().__setattr__(name, value)


@contextmanager
def _input_errors(
    model: type[BaseModel], data: Any, *, is_json: bool = False
) -> Generator[None, None, None]:
    try:
        yield
    except ValidationError as error:
        is_parsed = is_json and error.errors()[0]["type"] != "json_invalid"
        raise input_error(error, from_json(data) if is_parsed else data, model) from None


class InputModel(_InputBase):
    """Base class of inputs: strict, so that mistakes are found before anything is sent.

    Only the parameters that were set are dumped and shown.
    """

    __fal_input__: ClassVar[bool] = True

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        validate_by_name=True,
        validate_by_alias=True,
        validate_assignment=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
        defer_build=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler, /
    ) -> core_schema.CoreSchema:
        schema = handler(source)
        model = _inner(schema, "model")
        # As a plain default, UNSET would be in JSON Schemas and dumps.
        for field in _inner(model, "model-fields")["fields"].values():
            _accept_tuples(field["schema"])
            if field["schema"].get("default") is UNSET:
                del field["schema"]["default"]
                field["schema"]["default_factory"] = _unset
                field["serialization_exclude_if"] = _is_unset
        model.setdefault("serialization", _only_set(cls))
        return schema

    def __iter__(self) -> Generator[tuple[str, Any], None, None]:  # noqa: PYI058 - as pydantic's
        yield from ((name, value) for name, value in super().__iter__() if value is not UNSET)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        given = self.model_fields_set
        return ((name, value) for name, value in super().__repr_args__() if name in given)


def _inner(schema: Any, kind: str) -> dict[str, Any]:
    """The schema of a kind inside those of validators around it."""
    while schema["type"] != kind:
        schema = schema["schema"]
    return cast("dict[str, Any]", schema)


def _accept_tuples(schema: Any) -> None:
    """Let lists accept tuples, and what else pydantic can make a list of."""
    if schema["type"] == "list":
        schema["strict"] = False
    inside = [schema.get("schema"), schema.get("items_schema"), *schema.get("choices", ())]
    for part in inside:
        if isinstance(part, dict) and part["type"] not in ("model", "model-fields"):
            _accept_tuples(part)


def _only_set(model: type[BaseModel]) -> core_schema.WrapSerializerFunctionSerSchema:
    """A serializer to JSON that leaves out the parameters that were not set.

    In Python, what a function returns would be dumped once more, which iterates over open files.
    `model_dump` leaves them out there.
    """

    def serialize(value: Any, handler: Callable[[Any], Any]) -> Any:
        if not isinstance(value, model):
            # Another member of a union, for example.
            raise PydanticSerializationUnexpectedValue(f"not of {model.__name__}")
        reject_unsent_files(value)
        dumped = handler(value)
        given = value.model_fields_set
        unset = [item for item in model.model_fields.items() if item[0] not in given]
        for name, info in unset:
            dumped.pop(name, None)
            dumped.pop(info.alias, None)
        return dumped

    return core_schema.wrap_serializer_function_ser_schema(serialize, when_used="json")


class RuledModel(InputModel):
    """Base class of inputs with rules that the types of their parameters do not express.

    The rules are a JSON schema, the `json_schema_extra` of the model's configuration. Constants
    that it requires are always sent.
    """

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        rules = cast("dict[str, Any]", self.model_config.get("json_schema_extra"))
        required = rules.get("required", ())
        for name, info in type(self).model_fields.items():
            if (info.alias or name) in required and getattr(self, name) is not UNSET:
                self.__pydantic_fields_set__.add(name)
        _check_rule(rules, plain(self))
        return self


if TYPE_CHECKING:

    class _BodyBase(RootModel[Body]): ...

else:

    class _BodyBase(_InputBase, RootModel[Body], Generic[Body]): ...


class BodyModel(_BodyBase[Body]):
    """Base class of inputs that are no plain object, such as a union, a list or null.

    An input is created from its value: `PetInput(Cat(name="Tom"))`.
    """

    __fal_input__: ClassVar[bool] = True

    model_config = ConfigDict(
        strict=True,
        validate_assignment=True,
        serialize_by_alias=True,
        arbitrary_types_allowed=True,
        defer_build=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @classmethod
    def __fal_forms__(cls) -> list[type[InputModel]]:
        """The classes whose parameters the endpoint takes as keyword arguments."""
        return list(_input_classes(cls.model_fields["root"].annotation))


def _input_classes(annotation: Any) -> Iterator[type[InputModel]]:
    if get_origin(annotation) in (Annotated, Union, types.UnionType):
        for part in get_args(annotation):
            yield from _input_classes(part)
    elif isinstance(annotation, type) and issubclass(annotation, InputModel):
        yield annotation


class ByTag:
    """Marks a union of classes of which the constants of a field choose one.

    Values without the field can belong to any class, as the document does not require it.

    Args:
        field: Name of the field.
    """

    def __init__(self, field: str) -> None:
        self._field = field

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate a value against the class that its constant belongs to."""
        members = cast("tuple[type[BaseModel], ...]", get_args(source))
        choices = {member.__name__: handler.generate_schema(member) for member in members}
        return core_schema.tagged_union_schema(
            {**choices, _ANY_MEMBER: handler(source)},
            lambda value: _member_of(members, self._field, value),
        )

    def __get_pydantic_json_schema__(
        self, schema: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The JSON Schema of the union."""
        return handler(schema["choices"][_ANY_MEMBER])


_ANY_MEMBER = ""


def _member_of(members: Iterable[type[BaseModel]], field: str, value: object) -> str:
    for member in members:
        info = member.model_fields[field]
        if isinstance(value, Mapping):
            given = cast("Mapping[object, object]", value)
            tag = given.get(info.alias or field, given.get(field))
        else:
            tag = getattr(value, field, None)
        if any(tag == known and type(tag) is type(known) for known in get_args(info.annotation)):
            return member.__name__
    return _ANY_MEMBER


class OutputModel(_Model, NotebookView):
    """Base class of outputs: fields that are not in the schema are kept."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        defer_build=True,
    )
