"""Renders the modules of an application package that are not endpoints."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fal_typed_codegen.application.client_safety import verify
from fal_typed_codegen.application.typeddicts import (
    EndpointCode,
    choose_arguments,
    used_names,
    write_dicts,
)
from fal_typed_codegen.interface.naming import IMPORTED
from fal_typed_codegen.rendering import prose, render
from fal_typed_codegen.rendering.templating import template

if TYPE_CHECKING:
    from fal_typed_codegen.rendering.rendered import RenderedDict

CLIENT_MODULE = "_client.py"
ARGUMENTS_MODULE = "arguments.py"
PACKAGE_MODULE = "__init__.py"
ORIGIN = "[tool.fal-typed] in pyproject.toml"
VERBS = (
    "cancel", "handle", "pipeline", "realtime", "result", "run", "status", "stream", "submit",
    "subscribe", "upload", "upload_file", "upload_image", "ws_connect",
)  # fmt: skip
HELPERS = ("encode", "encode_file", "encode_image")
_CLASSES = ("AsyncClient", "Client", "EndpointId")
_ONE_LINE = 86


def application_modules(
    endpoints: list[EndpointCode], package: str, *, allow_unknown_ids: bool
) -> dict[str, str]:
    """Render the client, the types of its arguments, and the package module.

    Args:
        endpoints: The application's endpoints.
        package: Full name of the package.
        allow_unknown_ids: Whether calls also accept other ids.

    Returns:
        Unformatted source text by file.

    Raises:
        UnsafeModuleError: Text of a document became code, which would be a bug.
    """
    arguments = choose_arguments(endpoints)
    sources = {
        ARGUMENTS_MODULE: _arguments_module(endpoints, arguments),
        CLIENT_MODULE: _client_module(endpoints, arguments, package, allow_unknown_ids),
        PACKAGE_MODULE: _package_module(len(endpoints), package),
    }
    for source in sources.values():
        verify(source, package)
    return sources


def _arguments_module(endpoints: list[EndpointCode], arguments: dict[str, dict[str, str]]) -> str:
    names = {name for own in arguments.values() for name in own.values()}
    taken = names | IMPORTED
    dicts: list[RenderedDict] = []
    for endpoint in endpoints:
        dicts += write_dicts(endpoint, arguments[endpoint.id], taken)
    used = used_names(dicts)
    return _render(
        "arguments.py.jinja",
        header=render.header(ORIGIN),
        abc=sorted(used & {"Sequence"}),
        typing=sorted(used & {"Any", "Literal"}),
        extensions=sorted(_extensions(dicts) | (used & {"NotRequired"})),
        files=sorted(used - {"Any", "Literal", "NotRequired", "Sequence", "TypedDict"}),
        dicts=[_documented(it) for it in dicts],
        exports=[repr(name) for name in sorted(names)],
    )


def _documented(written: RenderedDict) -> RenderedDict:
    """A dict's type with its texts as docstrings."""
    entries = tuple(replace(entry, doc=_docstring(entry.doc)) for entry in written.entries)
    return replace(written, doc=_docstring(written.doc), entries=entries)


def _extensions(dicts: list[RenderedDict]) -> set[str]:
    return {"TypeAlias" if written.body else "TypedDict" for written in dicts}


def _client_module(
    endpoints: list[EndpointCode],
    arguments: dict[str, dict[str, str]],
    package: str,
    allow_unknown_ids: bool,
) -> str:
    taken: set[str] = set()
    described: list[dict[str, Any]] = []
    for endpoint in endpoints:
        output, own_type = (_free(name, taken) for name in (endpoint.output, endpoint.type_name))
        described.append(
            _described(endpoint, arguments[endpoint.id][endpoint.input], output, own_type)
        )
    return _render(
        "client.py.jinja",
        header=render.header(ORIGIN),
        package=package,
        endpoints=described,
        argument_names=sorted(item["arguments"] for item in described),
        allow_unknown_ids=allow_unknown_ids,
        verbs=VERBS,
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}_"
    taken.add(name)
    return name


def _described(
    endpoint: EndpointCode, arguments: str, output: str, own_type: str
) -> dict[str, Any]:
    given = endpoint.inputs[endpoint.input]
    return {
        "id": repr(endpoint.id),
        "module": endpoint.module,
        "name": endpoint.name,
        "arguments": arguments,
        "required": given.body is not None or any(p.required for p in given.parameters),
        "output": output,
        "type_name": own_type,
        "imports": [_imported(endpoint.type_name, own_type), _imported(endpoint.output, output)],
    }


def _imported(name: str, own: str) -> str:
    return name if name == own else f"{name} as {own}"


def _package_module(count: int, package: str) -> str:
    names = [
        *_CLASSES,
        "async_client",
        "client",
        "endpoint",
        *VERBS,
        *(f"{verb}_async" for verb in VERBS),
    ]
    return _render(
        "package.py.jinja",
        header=render.header(ORIGIN),
        package=package,
        count=count,
        helpers=HELPERS,
        exports=sorted(names),
        quoted_exports=[repr(name) for name in sorted([*names, *HELPERS])],
    )


def _docstring(text: str) -> str:
    inside = prose.docstring(inspect.cleandoc(text).strip())
    if not inside:
        return ""
    is_short = "\n" not in inside and len(inside) <= _ONE_LINE
    return f'"""{inside}"""' if is_short else f'"""{inside}\n"""'


def _render(name: str, **context: Any) -> str:
    return template(f"application/{name}").render(**context)
