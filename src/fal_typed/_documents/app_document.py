"""Reads the OpenAPI document of a whole app, which a `fal.App` serves at ``/openapi.json``.

An app has several routes. Each route that can be called is an endpoint under the app's id and
becomes an `EndpointDocument`, so code that reads endpoint documents also reads private apps.
Uses the standard library only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fal_typed._calls.endpoint_id import EndpointId
from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._documents.document import (
    ROUTE,
    EndpointDocument,
    InvalidDocumentError,
    Schema,
    referenced,
)
from fal_typed.errors import FalInputError

_PROTOCOL = "x-fal-protocol"
_RESULT_SUFFIX = "/requests/{request_id}"
_QUEUE_PATH = b'/requests/{request_id}"'
_COMPONENTS = "#/components/schemas/"
_MAX_REASONS = 40
_MAX_PATH = 200


@dataclass(frozen=True)
class AppRoutes:
    """The endpoints of an app's document.

    Attributes:
        documents: One for each route that can be called, in the app's order.
        left_out: One message for each route that was skipped, with the reason.
    """

    documents: tuple[EndpointDocument, ...]
    left_out: tuple[str, ...]


def is_app_document(document: Schema) -> bool:
    """Whether a document describes an app: it has no endpoint id and no queue routes.

    Args:
        document: An OpenAPI document as parsed JSON.

    Returns:
        True for a document that `split` can read.

    See docs/protocol.md section 11.4.

    >>> is_app_document({"openapi": "3.1.0", "paths": {"/": {}, "/stream": {}}})
    True
    """
    metadata = _object(_object(document.get("info")).get("x-fal-metadata"))
    paths = _object(document.get("paths"))
    is_of_queue = any(path.endswith(_RESULT_SUFFIX) for path in paths)
    return bool(paths) and not is_of_queue and as_text(metadata.get("endpointId")) is None


def may_be_app_document(content: bytes) -> bool:
    """Whether a file may contain an app's document; does not parse it."""
    return _QUEUE_PATH not in content


def split(document: Schema, app_id: str) -> AppRoutes:
    """Create an endpoint document for each route of an app.

    Args:
        document: The app's document as parsed JSON; it is not modified.
        app_id: The app's id on the platform: ``owner/alias``.

    Returns:
        The endpoints: ``/`` has the app's id, ``/image`` is ``owner/alias/image``. Routes without
        POST are ignored. Routes with path parameters, or with a path that cannot be part of an
        id, are skipped and listed in `left_out`.

    Raises:
        InvalidDocumentError: The app has no route that can be called, or the id is invalid.

    See docs/protocol.md section 11.4.

    >>> routes = split({"paths": {"/": {"post": {}}, "/{x}": {"post": {}}}}, "acme/echo")
    >>> [one.id for one in routes.documents], routes.left_out
    (['acme/echo'], ("'/{x}': paths with parameters are not supported",))
    """
    try:
        EndpointId.parse(app_id)
        return _Splitter(document, app_id).routes()
    except FalInputError as error:
        raise InvalidDocumentError(str(error)) from None
    except RecursionError:
        raise InvalidDocumentError("nested too deeply") from None


class _Splitter:
    def __init__(self, document: Schema, app_id: str) -> None:
        self._app_id = app_id
        self._openapi = as_text(document.get("openapi")) or "3.1.0"
        components = _object(document.get("components"))
        paths = _object(document.get("paths"))
        self._paths = {path: _with_bodies(item, components) for path, item in paths.items()}
        self._components = _with_definitions(components.get("schemas"))
        listed = filter(None, map(as_text, _list(document.get("x-fal-order-paths"))))
        known = [path for path in listed if path in self._paths]
        self._order = list(dict.fromkeys([*known, *self._paths]))

    def routes(self) -> AppRoutes:
        found: dict[str, EndpointDocument] = {}
        left_out: list[str] = []
        for path in self._order:
            item = _object(self._paths[path])
            if "post" not in item and _PROTOCOL not in item:
                continue
            problem = self._problem(path, item)
            if problem:
                left_out.append(f"{path[:200]!r}: {problem}")
                continue
            document = EndpointDocument(self._queue_document(path, item))
            found.setdefault(document.id, document)
        if not found:
            reasons = f": {'; '.join(left_out[:_MAX_REASONS])}" if left_out else ""
            raise InvalidDocumentError(f"the app has no route that can be called{reasons}")
        return AppRoutes(tuple(found.values()), tuple(left_out))

    def _problem(self, path: str, item: Schema) -> str:
        """Why a route cannot become an endpoint; empty if it can."""
        if len(path) > _MAX_PATH:
            return f"the path is longer than {_MAX_PATH} characters"
        if "{" in path:
            return "paths with parameters are not supported"
        if path != "/" and (path.endswith("/") or not path.startswith("/")):
            return "the path must start with a slash and must not end with one"
        try:
            if EndpointId.parse(self._id(path)).full != self._id(path):
                return "the path has characters that endpoint ids cannot have"
        except FalInputError:
            return "the path has characters that endpoint ids cannot have"
        protocol = _object(item.get(_PROTOCOL))
        if protocol.get("type") == "websocket" or "post" not in item:
            return f"a plain websocket; open it with ws_connect({self._app_id!r}, path={path!r})"
        content = _object(_object(_object(item["post"]).get("requestBody")).get("content"))
        if content and "application/json" not in content:
            return "it does not accept JSON"
        return ""

    def _id(self, path: str) -> str:
        return f"{self._app_id}{path.rstrip('/')}"

    def _queue_document(self, path: str, item: Schema) -> Schema:
        endpoint_id = self._id(path)
        operation = _object(item["post"])
        result = {"responses": {"200": _json_content(_result_schema(operation))}}
        info: Schema = {"title": endpoint_id, "x-fal-metadata": {"endpointId": endpoint_id}}
        if as_text(operation.get("description")):
            info["description"] = operation["description"]
        route = self._route(path, item, operation)
        return {
            "openapi": self._openapi,
            "info": info,
            "paths": {
                f"/{endpoint_id}": {ROUTE: route, "post": operation},
                f"/{endpoint_id}{_RESULT_SUFFIX}": {"get": result},
            },
            "components": {"schemas": self._components},
        }

    def _route(self, path: str, item: Schema, operation: Schema) -> Schema:
        route: Schema = {"app": self._app_id, "path": path}
        protocol = item.get(_PROTOCOL)
        if protocol is not None:
            return {**route, "kind": "realtime", "protocol": protocol}
        prefix = path.rstrip("/")
        is_stream = "text/event-stream" in _response_content(operation) or path.endswith("/stream")
        has_more = any(f"{prefix}/{name}" in self._paths for name in ("stream", "realtime"))
        return {**route, "kind": "stream" if is_stream else "http", "has_more": has_more}


def _with_bodies(item: Any, components: Schema) -> Any:
    """A path item whose request body and response are written at its operation."""
    operation = as_object(_object(item).get("post"))
    if operation is None:
        return item
    inline = dict(operation)
    if "requestBody" in operation:
        inline["requestBody"] = referenced(components, "requestBodies", operation["requestBody"])
    inline["responses"] = {
        status: referenced(components, "responses", response)
        for status, response in _object(operation.get("responses")).items()
    }
    return {**item, "post": inline}


def _response_content(operation: Schema) -> Schema:
    """Content of an operation's successful response, by media type."""
    return _object(_object(_object(operation.get("responses")).get("200")).get("content"))


def _result_schema(operation: Schema) -> Schema:
    """Schema of an operation's response, or of one event if it streams."""
    content = _response_content(operation)
    events = _object(content.get("text/event-stream"))
    item = _object(events.get("itemSchema"))
    data = _object(_object(item.get("properties")).get("data"))
    if "contentSchema" in data:
        return _object(data["contentSchema"])
    if events:
        # The schema of an event's own fields (`data`, `id`) does not describe its content.
        return {} if data else item or _object(events.get("schema"))
    return _object(_object(content.get("application/json")).get("schema"))


def _json_content(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}


def _with_definitions(components: Any) -> dict[str, Schema]:
    """The components, with the `$defs` inside them moved to the top level."""
    own = {name: _object(schema) for name, schema in _object(components).items()}
    if not any("$defs" in schema for schema in own.values()):
        return own
    found: dict[str, Schema] = {}
    origins: dict[str, Any] = {**own}
    for name, schema in own.items():
        definitions = _object(schema.get("$defs"))
        outer = {
            inner: inner if origins.setdefault(inner, it) == it else f"{name}_{inner}"
            for inner, it in definitions.items()
        }
        moved = {f"#/$defs/{inner}": f"{_COMPONENTS}{it}" for inner, it in outer.items()}
        moved |= {
            f"{_COMPONENTS}{name}/$defs/{inner}": f"{_COMPONENTS}{it}"
            for inner, it in outer.items()
        }
        for inner, it in outer.items():
            found.setdefault(it, _object(_moved(definitions[inner], moved)))
        rest = {key: value for key, value in schema.items() if key != "$defs"}
        found[name] = _object(_moved(rest, moved))
    return found


def _moved(value: Any, moved: dict[str, str]) -> Any:
    """A copy of a value with its references updated to the new locations."""
    items, mapping = as_list(value), as_object(value)
    if items is not None:
        return [_moved(item, moved) for item in items]
    if mapping is None:
        return value
    return {
        key: moved.get(item, item)
        if key == "$ref" and isinstance(item, str)
        else _moved(item, moved)
        for key, item in mapping.items()
    }


def as_bytes(document: EndpointDocument) -> bytes:
    """Serialize an endpoint's document as a file."""
    return json.dumps(document.raw).encode()


def _object(value: object) -> Schema:
    return as_object(value) or {}


def _list(value: object) -> list[Any]:
    return as_list(value) or []
