"""Hostile documents: their text never becomes code or leaves a literal or a docstring."""

from __future__ import annotations

import ast
import importlib
import sys
import unicodedata
from typing import Any

import pytest
from fal_typed_codegen.rendering import prose, safety
from fal_typed_codegen.rendering.safety import UnsafeModuleError, verify
from hypothesis import given
from hypothesis import strategies as st

from tests.codegen.building import Packages, document, ref

UNREADABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
MARK = "fal_typed_was_here"
ATTACK = f"setattr(__import__('sys'), '{MARK}', 1)"
HOSTILE = [
    f'"""\n{ATTACK}\n"""',
    f"'''\n{ATTACK}\n'''",
    f'\\"""\n{ATTACK}\n#',
    f'\\\\"""\n{ATTACK}\n#',
    f'"\n{ATTACK}\n"',
    f"'); {ATTACK}; ('",
    f"\\'); {ATTACK} #",
    f"\r{ATTACK}\r",
    f"\u2028{ATTACK}\u2029{ATTACK}\u0085{ATTACK}\x0b{ATTACK}\x0c{ATTACK}",
    f"\n{ATTACK}\n",
    "\\",
    '"',
    '\\"',
    '""""""',
    "\x00\x1a\x7f",
    "\u202e\u2066reversed\u2069",
    "{{ 7 * 7 }}{% raw %}",
    f"{{{{ cycler.__init__.__globals__.os.system('touch {MARK}') }}}}",
    "${x} %s {0} {x!r}",
    f"\\N{{BULLET}}\\x41\\u0041 {ATTACK}",
    "../../../../etc/passwd",
    "C:\\Windows\\con",
    f"from sys import modules; {ATTACK}",
    "# type: ignore",
    "x" * 100_000,
]


def hostile_document(text: str) -> dict[str, Any]:
    """The text everywhere in a document where text is possible."""
    prose_of = {"description": text, "title": text}
    named: dict[str, Any] = {
        **prose_of,
        "type": "object",
        "required": [text],
        "properties": {
            text: {"type": "string", "default": text, **prose_of},
            "values": {"type": "string", "enum": [text, "other"], "default": text},
            "constant": {"const": text},
            "pattern": {"type": "string", "pattern": text},
            "format": {"type": "string", "format": text},
            "map": {"type": "object", "default": {text: [text]}},
            "list": {"type": "array", "items": {"type": "string"}, "default": [text]},
            "file_url": {"type": "string", "default": text, "examples": [text]},
            "by_ref": ref(text, default={text: text}),
            "unknown": {"type": text},
            "gone": {"$ref": text},
            "bound": {"type": "integer", "minimum": text, "maximum": text},
        },
    }
    part = {**prose_of, "type": "object", "properties": {text: {"type": "string", **prose_of}}}
    one = document(
        components={text: part, "TheInput": named},
        output={**named, "properties": {**named["properties"], "part": ref(text)}},
        info={"description": text, "title": text, "version": text},
    )
    one["info"]["x-fal-metadata"]["category"] = text
    return one


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_of_a_document_is_never_executed(packages: Packages, text: str) -> None:
    package, report = packages.make(hostile_document(text))
    assert report.failed == {}
    module = importlib.import_module(f"{package}.acme.echo")
    module.Input.model_rebuild()
    module.Output.model_rebuild()
    assert not hasattr(sys, MARK)
    source = (packages.folder / package / "acme/echo.py").read_text(encoding="utf-8")
    assert not any(ord(c) < 32 and c != "\n" for c in source)
    assert not any(c in source for c in "\u2028\u2029\u0085\u202e\u2066\u2069")
    assert text in module.Input.model_fields["values"].annotation.__args__
    assert module.Input.model_fields["values"].default == text
    assert module.Input.model_fields["map"].default == {text: [text]}
    written = {p.relative_to(packages.folder).parts[0] for p in packages.folder.rglob("*")}
    assert written == {package, f"{package}_schemas"}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_an_invalid_id_is_rejected(packages: Packages, text: str) -> None:
    package, report = packages.make(document(endpoint_id=f"acme/{text}"))
    made = {p.name for p in (packages.folder / package).rglob("*") if p.is_dir()}
    assert report.failed or made <= {"acme"}
    assert {p.parts[-1] for p in packages.folder.iterdir()} == {package, f"{package}_schemas"}


def test_lone_surrogates_are_rejected(packages: Packages) -> None:
    _, report = packages.make(document({"a": {"default": "\ud800"}}))
    assert report.failed == {
        "acme/echo.json": "InvalidDocumentError: it contains text that is not valid Unicode"
    }
    packages.module(document({"a": {"type": "string", "default": "\U0001f600"}}))


@given(st.text())
def test_a_docstring_keeps_its_text(text: str) -> None:
    text = text.replace("\r", " ").replace("\x00", " ")
    source = f'"""{prose.docstring(text)}\n"""'
    try:
        source.encode()
    except UnicodeEncodeError:
        return
    assert ast.literal_eval(source) == f"{text}\n"


@given(st.text(alphabet="\"\\\n'a", max_size=12))
def test_quotes_do_not_end_a_docstring(text: str) -> None:
    assert ast.literal_eval(f'"""{prose.docstring(text)}"""') == text


@given(st.text(max_size=300), st.integers(20, 100))
def test_prose_is_clean(text: str, width: int) -> None:
    cleaned = prose.clean(text, width)
    assert cleaned == cleaned.strip()
    assert all(c == "\n" or unicodedata.category(c) not in UNREADABLE for c in cleaned)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  Two\n  lines.  ", "Two lines."),
        ("<p>One.</p><p>Two<br/>three &amp; &lt;b&gt;</p>", "One.\n\nTwo\n\nthree & <b>"),
        ("Keep <lora:x:1> and 1 < 2 > 0.", "Keep <lora:x:1> and 1 < 2 > 0."),
        ("List:\n- a\n- b\n  goes on", "List:\n- a\n- b goes on"),
        ("One.\n\n\n   Two.", "One.\n\nTwo."),
        ("a\u200bb\u202ec\ufeff", "abc"),
        ("<script>alert(1)</script >", "alert(1)"),
        (
            "A **bold** and __other__ 2**3**4 *args **kwargs",
            "A bold and other 2**3**4 *args **kwargs",
        ),
        ("See [this](https://a.example/b).", "See this (https://a.example/b)."),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("Text\n# Title\n**Kinds:** a\n**More:** b", "Text\nTitle\nKinds: a\nMore: b"),
        ("", ""),
    ],
)
def test_prose_reads_well(text: str, cleaned: str) -> None:
    assert prose.clean(text, 80) == cleaned


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "from os import path",
        "from .. import x",
        "from fal_typed.models import InputModel as print",
        "print(1)",
        "x = print(1)",
        "x = [i for i in ()]",
        "x = (lambda: 1)()",
        "class A(InputModel, metaclass=B): ...",
        "@Field\nclass A(InputModel): ...",
        "class A(InputModel):\n    def f(self): ...",
        "class A(InputModel):\n    x: print(1) = 1",
        "class A(InputModel):\n    x: int = exec('1')",
        "class A(InputModel):\n    x: int = Field.x",
        "class A(InputModel):\n    x.y: int = 1",
        "class A(InputModel):\n    x = 1",
        "class print(InputModel): ...",
        "if True:\n    x = 1",
        "if TYPE_CHECKING:\n    import os",
        "if TYPE_CHECKING:\n    x = 1\nelse:\n    y = 2",
        "if not TYPE_CHECKING:\n    x = lazy_module('', globals())",
        "x: int = 1",
        "x.y = 1",
        "f'{x}'",
        "del x",
        "x = Field(**{'a': 1})",
        "x = Unknown",
        "1 +",
        "\x00",
    ],
)
def test_unexpected_code_is_rejected(source: str) -> None:
    with pytest.raises(UnsafeModuleError):
        verify(source, "acme_fal")


def test_generated_code_is_accepted() -> None:
    verify(
        '"""Doc."""\nfrom typing import Any\nfrom fal_typed.models import InputModel\n'
        "from acme_fal._shared.size import Size\n"
        'class A(InputModel):\n    """Doc."""\n    model_config = ConfigDict(extra="allow")\n'
        "    x: list[Any] = [{'a': -1}]\n    s: Size = Size(width=1)\n"
        '__all__ = ["A"]\n',
        "acme_fal",
    )
    assert "typing" in safety.MODULES
