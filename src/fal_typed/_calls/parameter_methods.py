"""Methods that take the parameters of an endpoint, with their signature and docs at run time.

This lets `help()`, IPython and notebooks complete and explain the parameters like editors.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from fal_typed._calls.not_given import NOT_GIVEN
from fal_typed._calls.parameter_docs import written_docs

if TYPE_CHECKING:
    from fal_typed._calls.endpoint_spec import EndpointSpec

Method = TypeVar("Method", bound=Callable[..., Any])


class _Caller(Protocol):
    """An endpoint, or a connection to one."""

    _bound: dict[str, Any]

    def __fal_parameters__(self) -> EndpointSpec | None: ...


class _ParameterMethod:
    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __get__(self, caller: _Caller | None, owner: type) -> Any:
        if caller is None:
            return self._function
        bound = vars(caller)["_bound"]
        name = self._function.__name__
        if name not in bound:
            bound[name] = _bind(self._function, caller)
        return bound[name]


def _bind(function: Callable[..., Any], caller: _Caller) -> Callable[..., Any]:
    spec = caller.__fal_parameters__()
    if spec is None:
        return cast("Callable[..., Any]", function.__get__(caller))

    def call(*args: object, **kwargs: object) -> Any:
        return function(caller, *args, **kwargs)

    async def call_async(*args: object, **kwargs: object) -> Any:
        return await function(caller, *args, **kwargs)

    bound: Any = call_async if inspect.iscoroutinefunction(function) else call
    functools.update_wrapper(bound, function)
    del bound.__wrapped__  # `inspect.signature` would follow it
    bound.__doc__ = _documentation(function, spec.input)
    returns = inspect.signature(function).return_annotation
    bound.__signature__ = _signature(spec.input).replace(return_annotation=returns)
    return cast("Callable[..., Any]", bound)


def _signature(model: Any) -> inspect.Signature:
    model.model_rebuild()  # the signature needs the deferred build
    signature = inspect.signature(model)
    if hasattr(model, "__fal_forms__"):
        return _body_signature(signature, model.__fal_forms__())
    # pydantic's has the names in JSON, which are parameters too.
    names = [*model.model_fields, *list(signature.parameters)[len(model.model_fields) :]]
    parameters = [
        parameter.replace(name=name)
        for name, parameter in zip(names, signature.parameters.values(), strict=True)
    ]
    return signature.replace(parameters=parameters)


def _body_signature(signature: inspect.Signature, forms: Sequence[type]) -> inspect.Signature:
    """The signature of a method whose input can be passed by position."""
    (root,) = signature.parameters.values()
    kind = inspect.Parameter.POSITIONAL_ONLY
    default = NOT_GIVEN if forms else inspect.Parameter.empty
    body = root.replace(name="body", kind=kind, default=default)
    more = [inspect.Parameter("parameters", inspect.Parameter.VAR_KEYWORD)] if forms else []
    return signature.replace(parameters=[body, *more])


def _documentation(function: Callable[..., Any], model: Any) -> str:
    """The docstring in the generated module; for other endpoints, the input's is added."""
    owner, _, name = function.__qualname__.partition(".")
    written = written_docs(model, owner).get(name) if isinstance(model, type) else None
    return written or f"{inspect.getdoc(function)}\n\n{inspect.getdoc(model) or ''}"


if TYPE_CHECKING:

    def takes_parameters(function: Method) -> Method:
        """Mark a method that takes the endpoint's parameters."""
        ...
else:
    takes_parameters = _ParameterMethod
