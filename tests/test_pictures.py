"""The pictures in the docs show what pyright and mypy say today."""

from __future__ import annotations

import pytest

from scripts import pictures

pytestmark = pytest.mark.xdist_group("editor")


def test_pictures_are_up_to_date() -> None:
    for name, picture in pictures.pictures().items():
        committed = (pictures.ASSETS / name).read_text(encoding="utf-8")
        assert committed == picture, f"run `make pictures`: {name} is out of date"
