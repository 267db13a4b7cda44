"""A small client of pyright's language server: what an editor would be told at a caret.

The server is spoken to as the Language Server Protocol 3.17 describes it: JSON-RPC messages with
a Content-Length header over the process's standard streams. A thread reads them and settles the
future of the request each one answers, so that a caller waits for an event and never for a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

CARET = "‸"
PATIENCE = 180.0
"""Seconds after which a server that doesn't answer fails the test; not a waiting time."""

_BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Caret:
    """A place in an opened document, as the protocol counts it: from zero."""

    uri: str
    line: int
    character: int

    def parameters(self) -> dict[str, Any]:
        """Write the place as the protocol's TextDocumentPositionParams."""
        return {
            "textDocument": {"uri": self.uri},
            "position": {"line": self.line, "character": self.character},
        }


@dataclass(frozen=True)
class Signature:
    """The help that an editor shows while the arguments of a call are typed."""

    label: str
    text: str
    """Text of the parameter at the caret."""


class LanguageServer:
    """A running ``pyright-langserver`` with one folder open in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._pending: dict[int, Future[Any]] = {}
        self._sending = threading.Lock()
        config = {"venvPath": str(_BIN.parent.parent), "venv": _BIN.parent.name}
        (folder / "pyrightconfig.json").write_text(json.dumps(config))
        self._process = subprocess.Popen(
            [_BIN / "pyright-langserver", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        )
        self._to_server = cast("IO[bytes]", self._process.stdin)
        self._from_server = cast("IO[bytes]", self._process.stdout)
        self._reader = threading.Thread(target=self._read_all, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        uri = self._folder.as_uri()
        self._request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": uri,
                "workspaceFolders": [{"uri": uri, "name": "program"}],
                "capabilities": {
                    "workspace": {"configuration": True, "workspaceFolders": True},
                    "textDocument": {
                        "hover": {"contentFormat": ["markdown"]},
                        "signatureHelp": {
                            "signatureInformation": {
                                "documentationFormat": ["markdown"],
                                "parameterInformation": {"labelOffsetSupport": True},
                            }
                        },
                        "completion": {"completionItem": {"snippetSupport": False}},
                    },
                },
            },
        )
        self._notify("initialized", {})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._request("shutdown", None)
            self._notify("exit", None)
        else:
            self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._to_server.close()
        self._from_server.close()

    def open(self, name: str, text: str) -> Caret:
        """Open a document; the caret sign in its text is taken out and its place returned."""
        before, _, after = text.partition(CARET)
        uri = (self._folder / name).as_uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": before + after}
        self._notify("textDocument/didOpen", {"textDocument": document})
        lines = before.split("\n")
        return Caret(uri, len(lines) - 1, len(lines[-1]))

    def completions(self, caret: Caret) -> list[str]:
        """List the labels offered at a caret, in the order an editor shows them."""
        answer = self._request("textDocument/completion", caret.parameters())
        items = cast("list[dict[str, Any]]", answer["items"] if answer else [])
        return [item["label"] for item in sorted(items, key=lambda item: item["sortText"])]

    def hover(self, caret: Caret) -> str:
        """Give the text shown when the mouse rests at a caret."""
        answer = self._request("textDocument/hover", caret.parameters())
        return "" if answer is None else cast("str", answer["contents"]["value"])

    def signature(self, caret: Caret) -> Signature:
        """Give the signature shown while the arguments of a call are typed."""
        response = self._request("textDocument/signatureHelp", caret.parameters())
        shown = response["signatures"][response.get("activeSignature") or 0]
        active = response.get("activeParameter")
        text = ""
        if active is not None and active < len(shown["parameters"]):
            text = shown["parameters"][active].get("documentation", {}).get("value", "")
        return Signature(shown["label"], text)

    def _request(self, method: str, parameters: Any) -> Any:
        number = next(self._numbers)
        future = self._pending[number] = Future()
        self._send({"id": number, "method": method, "params": parameters})
        return future.result(PATIENCE)

    def _notify(self, method: str, parameters: Any) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        with self._sending:
            self._to_server.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self._to_server.flush()

    def _read_all(self) -> None:
        while (message := self._read()) is not None:
            if "method" in message:
                self._answer_server(message)
            else:
                self._settle(message)
        for future in self._pending.values():
            future.set_exception(ConnectionError("the language server ended"))

    def _read(self) -> dict[str, Any] | None:
        length = 0
        while (line := self._from_server.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not line:
            return None
        return cast("dict[str, Any]", json.loads(self._from_server.read(length)))

    def _answer_server(self, message: dict[str, Any]) -> None:
        """Answer what the server asks of its editor: no settings of its own, everything agreed."""
        if "id" not in message:
            return
        asked = message["method"] == "workspace/configuration"
        result = [None for _ in message["params"]["items"]] if asked else None
        self._send({"id": message["id"], "result": result})

    def _settle(self, message: dict[str, Any]) -> None:
        future = self._pending.pop(message["id"])
        if "error" in message:
            future.set_exception(RuntimeError(str(message["error"])))
        else:
            future.set_result(message["result"])
