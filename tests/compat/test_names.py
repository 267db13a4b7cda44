"""`compat` has fal_client's names: every one of them, with its signature, and no more."""

from __future__ import annotations

import ast
import builtins
import inspect
from importlib.metadata import version
from types import ModuleType
from typing import Any

import fal_client
import pytest
from fal_client import auth as their_auth
from fal_client import client as their_client

import fal_typed
from fal_typed import FalError, compat

# Machinery of fal_client's modules, which no program has a use for; compat works by other means.
NOT_HERE = {
    "auth": {
        "AUTH0_CLIENT_ID", "AUTH0_DOMAIN", "AUTH0_TOKEN_URL", "AUTH_LOCK_FILENAME",
        "AUTH_TOKEN_FILENAME", "DEFAULT_FAL_HOME", "FAL_QUEUE_RUN_HOST", "FAL_RUN_HOST",
        "GoogleColabState", "MISSING_CREDENTIALS_MESSAGE", "get_colab_token", "is_google_colab",
    },
    "client": {
        "APP_NAMESPACES", "AppId", "AsyncBackupDomainTransport", "AsyncCDNTokenManager",
        "AsyncMultipartUpload", "BASE_DELAY", "BackupDomainTransport", "CDNToken",
        "CDNTokenManager", "CDN_URL", "DEFAULT_UPLOAD_FALLBACK_REPOSITORY",
        "DEFAULT_UPLOAD_REPOSITORY", "EXECUTOR", "FAL_QUEUE_RUN_HOST", "FAL_RUN_HOST",
        "INGRESS_ERROR_CODES", "LifecyclePreferencePayload", "MAX_ATTEMPTS", "MAX_DELAY",
        "MIN_REQUEST_TIMEOUT_SECONDS", "MULTIPART_CHUNK_SIZE", "MULTIPART_MAX_CONCURRENCY",
        "MULTIPART_THRESHOLD", "MultipartUpload", "QUEUE_POLL_TIMEOUT", "QUEUE_URL_FORMAT",
        "REALTIME_MAX_BUFFERING", "REALTIME_OPEN_TIMEOUT", "REALTIME_URL_FORMAT",
        "REQUEST_TIMEOUT_HEADER", "REQUEST_TIMEOUT_TYPE_HEADER", "REST_URL", "RETRY_CODES",
        "RUN_URL_FORMAT", "USER_AGENT", "add_fal_app_context_headers", "add_hint_header",
        "add_priority_header", "add_timeout_header", "handle_response_headers", "logger",
        "msgpack_decode_message", "msgpack_encode_message",
    },
}  # fmt: skip


def public(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


def own(module: ModuleType) -> set[str]:
    """Names that a module of fal_client defines, or imports from another one of it."""
    found: set[str] = set()
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fal_client"):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in found if not name.startswith("_")}


PACKAGE = {name for name in public(fal_client) if name != "annotations"}
CLASSES = [name for name in PACKAGE if inspect.isclass(getattr(fal_client, name))]
FUNCTIONS = [name for name in PACKAGE if inspect.isroutine(getattr(fal_client, name))]
METHODS = [
    (owner, name)
    for owner in CLASSES
    for name, value in vars(getattr(fal_client, owner)).items()
    if not name.startswith("_") and (inspect.isroutine(value) or isinstance(value, classmethod))
]


def parameters(function: Any) -> list[tuple[str, Any, Any]] | None:
    try:
        signature = inspect.signature(function)
    except ValueError:
        return None  # that of Exception
    return [(one.name, one.kind, one.default) for one in signature.parameters.values()]


def assert_alike(theirs: Any, mine: Any) -> None:
    assert parameters(theirs) in (None, parameters(mine))
    assert inspect.iscoroutinefunction(theirs) == inspect.iscoroutinefunction(mine)
    assert inspect.getdoc(mine)


def test_the_version_is_that_which_is_compared():
    assert compat.__version__ == version("fal-client") == fal_client.__version__
    assert compat.version_tuple == fal_client.version_tuple


def test_the_package_has_all_names_and_no_others():
    assert {name for name in public(compat) if name != "annotations"} == PACKAGE
    assert sorted(compat.__all__) == sorted(fal_client.__all__)


@pytest.mark.parametrize("name", ["auth", "client"])
def test_the_modules_have_the_names_that_programs_use(name):
    theirs = own({"auth": their_auth, "client": their_client}[name])
    assert theirs - set(public(getattr(compat, name))) == NOT_HERE[name]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_has_the_same_signature(name):
    assert_alike(getattr(fal_client, name), getattr(compat, name))


@pytest.mark.parametrize(("owner", "name"), sorted(METHODS))
def test_a_method_has_the_same_signature(owner, name):
    assert_alike(getattr(getattr(fal_client, owner), name), getattr(getattr(compat, owner), name))


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_class_is_made_alike_and_has_the_same_bases(name):
    theirs, mine = getattr(fal_client, name), getattr(compat, name)
    assert parameters(theirs) in (None, parameters(mine))
    assert inspect.getdoc(mine)
    for base in theirs.__mro__:
        if base.__module__ == builtins.__name__:
            assert issubclass(mine, base)
        elif base.__name__ in CLASSES:
            assert issubclass(mine, getattr(compat, base.__name__))
    if issubclass(theirs, Exception):
        assert issubclass(mine, FalError)


@pytest.mark.parametrize("name", ["RealtimeError", "MissingCredentialsError"])
def test_the_errors_of_the_modules_are_alike(name):
    module = "client" if name == "RealtimeError" else "auth"
    theirs = getattr({"auth": their_auth, "client": their_client}[module], name)
    mine = getattr(getattr(compat, module), name)
    assert parameters(theirs) in (None, parameters(mine))
    builtin = [base for base in theirs.__mro__ if base.__module__ == builtins.__name__]
    assert all(issubclass(mine, base) for base in builtin)
    assert issubclass(mine, FalError)


# --- names of fal_client on fal_typed itself ------------------------------------------------


# `fal_typed.client` and `fal_typed.async_client` are modules.
ELSEWHERE = sorted(PACKAGE - set(fal_typed.__all__) - {"async_client", "client"})


def test_the_table_has_every_name_that_only_fal_client_has():
    assert sorted(fal_typed._FAL_CLIENT_NAMES) == ELSEWHERE
    assert set(fal_typed._FAL_CLIENT_NAMES.values()) <= {"", *fal_typed.__all__}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_name_of_fal_client_says_where_it_is(name):
    with pytest.raises(AttributeError) as raised:
        getattr(fal_typed, name)
    ours = fal_typed._FAL_CLIENT_NAMES[name]
    assert ours in str(raised.value)
    assert "from fal_typed import compat as fal_client" in str(raised.value)


def test_another_unknown_name_says_nothing_of_fal_client():
    with pytest.raises(AttributeError) as raised:
        _ = fal_typed.nope
    assert "fal_client" not in str(raised.value)
