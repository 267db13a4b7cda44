"""What terminals and notebooks show for results, models, files and errors."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from fal_typed import Audio, File, Image, RawResponse, Result, Video
from fal_typed.models import InputModel, OutputModel

RAW = RawResponse(200, {}, b"")
PIXEL = "data:image/png;base64,iVBORw0KGgo="
HOSTILE_TEXTS = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "'><svg/onload=alert(1)>",
    "</td></table><iframe src='javascript:alert(1)'>",
    "&lt;script&gt;",
    "\u202e<b>\x00\x1b[2J",
)
HOSTILE_URLS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example/x.png",
    "http:evil",
    "https://",
    'https://evil.example/" onerror="alert(1)',
    "https://evil.example/' onerror='alert(1)",
    "https://evil.example/a b.png",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "data:image/svg+xml;base64,PHN2Zz4=",
    "data:image/png,<svg onload=alert(1)>",
    'data:image/png;base64,AAAA" onerror="alert(1)',
    "data:application/javascript;base64,AAAA",
    "blob:https://x",
    "https://[bad",
)


class _Tags(HTMLParser):
    """Collects elements and attributes as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def result_of(data: Any, **facts: Any) -> Result[Any]:
    return Result(data=data, request_id="r-1", raw=data, raw_response=RAW, **facts)


def tags(shown: Any) -> list[str]:
    return [tag for tag, _ in _Tags(shown._repr_html_()).found]


class Embedding(OutputModel):
    embedding: list[float]


class Picture(OutputModel):
    images: list[Image]
    note: str = ""


def test_a_long_embedding_is_short_in_repr_and_html() -> None:
    data = Embedding(embedding=[i / 7 for i in range(1536)])
    for shown in (data, result_of(data), result_of({"embedding": data.embedding})):
        assert len(repr(shown)) < 300
        assert "… 1,531 more" in repr(shown)
        assert len(shown._repr_html_()) < 1500
        assert "… 1,531 more" in shown._repr_html_()
    assert str(data).count("\n") == 0
    assert data.embedding[700] == 100, "the value itself is complete"


def test_short_lists_and_texts_are_shown_as_they_are() -> None:
    data = Embedding(embedding=[0.5, 1.5])
    assert repr(data) == "Embedding(embedding=[0.5, 1.5])"
    assert repr(result_of(data)) == f"Result(data={data!r}, request_id='r-1')"


def test_a_data_uri_takes_one_line() -> None:
    uri = "data:image/png;base64," + "A" * 100_000
    for shown in (Image(url=uri), result_of({"image": {"url": uri}}), result_of([uri] * 3)):
        assert len(repr(shown)) < 400
        assert "(100,022 characters)" in repr(shown)
        assert "\n" not in repr(shown)


def test_inputs_shorten_their_bytes_too() -> None:
    class Input(InputModel):
        data: Any
        nested: Any = None

    shown = repr(Input(data=bytes(5000), nested={"deep": [[0] * 50] * 2}))
    assert "(5,000 bytes)" in shown
    assert shown.count("… 45 more") == 2
    assert len(shown) < 250


def test_deep_nesting_is_shown() -> None:
    deep: Any = "end"
    for _ in range(300):
        deep = [{"a": deep}]
    assert len(repr(result_of(deep))) < 500
    result_of(deep)._repr_html_()


@pytest.mark.parametrize(
    ("file", "tag"),
    [
        (Image(url="https://x.example/a.png"), "img"),
        (Video(url="https://x.example/a.mp4"), "video"),
        (Audio(url="http://x.example/a"), "audio"),
        (Image(url=PIXEL), "img"),
        (Audio(url="data:audio/wav;base64,AAAA"), "audio"),
        (Video(url="data:video/mp4;codecs=avc1;base64,AAAA"), "video"),
        (File(url="https://x.example/a.webm"), "video"),
        (File(url="https://x.example/a", content_type="audio/mpeg"), "audio"),
        ({"url": "https://x.example/a.jpg?x=1"}, "img"),
    ],
)
def test_media_are_shown_inline(file: Any, tag: str) -> None:
    for shown in (result_of(file), result_of({"deep": [{"list": [file]}]})):
        assert tag in tags(shown)
    if isinstance(file, File):
        assert tag in tags(file)
        assert file._repr_mimebundle_()["text/plain"] == repr(file)


def test_other_files_are_links() -> None:
    mesh = File(url="https://x.example/mesh.glb", file_name="mesh.glb", file_size=123456)
    assert tags(mesh) == ["div", "div", "figure", "figcaption", "a"]
    assert "123.5 kB" in mesh._repr_html_()


def test_a_result_shows_its_fields_and_facts() -> None:
    data = Picture(
        images=[Image(url="https://x.example/a.png", width=64, height=48)], note="hi $x$"
    )
    html = result_of(data, metrics={"inference_time": 1.25})._repr_html_()
    assert "64 \N{MULTIPLICATION SIGN} 48" in html
    assert re.search(r"<th[^>]*>note</th><td[^>]*>hi \$x\$</td>", html)
    assert "mathjax_ignore" in html, "a prompt with dollar signs is not a formula"
    assert "request r-1, 1.25 s of run time" in html
    assert html.count("a.png") == 4, "source, alternative text, link and name, but no table row"


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_texts_stay_texts(text: str) -> None:
    image = Image.model_validate(
        {"url": "https://x.example/a.png", "file_name": text, "content_type": text, text: text}
    )
    audio = Audio(url="https://x.example/a.mp3", bitrate=text, file_name=text)
    for shown in (
        image,
        result_of(image),
        result_of({text: text, "files": [image, audio]}, metrics={"inference_time": text}),
        result_of({"url": "https://x.example/a.png", "file_name": text, "width": text}),
        result_of([text]),
        result_of(text),
        Picture.model_validate({"images": [], text: text, "_repr_html_": text, "note": text}),
        Result(data=text, request_id=text, raw=text, raw_response=RAW),
    ):
        _assert_harmless(shown)


@pytest.mark.parametrize("url", HOSTILE_URLS)
@pytest.mark.parametrize("kind", [Image, Video, Audio, File])
def test_hostile_urls_become_no_elements(kind: type[File], url: str) -> None:
    file = kind.model_validate({"url": url, "content_type": "image/png"})
    for shown in (file, result_of({"image": file}), result_of({"url": url})):
        _assert_harmless(shown)
        found = _Tags(shown._repr_html_()).found
        assert not {tag for tag, _ in found} & {"img", "video", "audio", "a"}


def _assert_harmless(shown: Any) -> None:
    html = shown._repr_html_()
    for tag, attributes in _Tags(html).found:
        assert tag in {
            "div", "figure", "figcaption", "a", "img", "video", "audio", "table", "tr", "th", "td"
        }  # fmt: skip
        assert set(attributes) <= {
            "src", "href", "alt", "style", "class", "controls", "preload", "rel", "target",
            "referrerpolicy",
        }  # fmt: skip
        for name in ("src", "href"):
            assert re.match(r"https?://x\.example/|$", attributes.get(name) or "")
    assert html.count('class="') == 1


def test_models_of_requests_show_as_text_only() -> None:
    class Input(InputModel):
        prompt: str

    assert not hasattr(Input(prompt="a"), "_repr_html_")
