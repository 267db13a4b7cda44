"""Base classes of the generated input and output models.

Generated modules import these names. Calls use the models to check inputs (`_calls/checking.py`)
and to build outputs (`_calls/outputs.py`).
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError, core_schema
from typing_extensions import Self, TypeVar

from fal_typed._calls.checking import input_error, plain
from fal_typed._calls.schema_rules import frozen, violations
from fal_typed.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

    from fal_typed._calls.endpoint_spec import EndpointSpec

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


def _check_unique(items: list[Any]) -> list[Any]:
    if len({frozen(plain(item)) for item in items}) < len(items):
        raise PydanticCustomError("unique_items", "The list contains the same item twice")
    return items


UniqueItems = AfterValidator(_check_unique)
"""Marks a list parameter whose items must be unique."""


class SchemaRule:
    """Marks a parameter that is checked against a schema, because its type accepts more.

    Args:
        schema: A JSON schema.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the value after its type."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

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


def _warn_deprecated(text: str) -> None:
    """Warn at the caller's line outside this package, because Python hides other warnings."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("fal_typed."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, DeprecationWarning, stacklevel=level)


if TYPE_CHECKING:

    class Request(Generic[Out]):
        """An input that is bound to its endpoint, and so to the type of its result."""

        __fal_endpoint__: ClassVar[EndpointSpec | None]

    class _InputBase(BaseModel):
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
            try:
                made = super().__call__(*args, **kwargs)
            except ValidationError as error:
                raise input_error(error, kwargs, cls) from None
            for text in _deprecations(cls, made):
                _warn_deprecated(text)
            return made

    class _InputBase(BaseModel, metaclass=_InputMeta):
        pass


class InputModel(_InputBase):
    """Base class of inputs: strict, so that mistakes are found before anything is sent."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
        defer_build=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


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


class OutputModel(BaseModel):
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
