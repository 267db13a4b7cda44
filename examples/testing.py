"""Tests of code that calls fal, without the platform: the fixture `fal_emulator` does it.

Run them with ``pytest examples/testing.py``; no key and no network are needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fal_typed import FalInputError
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev

if TYPE_CHECKING:
    from fal_typed.testing import FalEmulator


def test_pictures_have_the_size_asked_for(fal_emulator: FalEmulator) -> None:
    """Answers come from the endpoint's schema and depend on the input alone."""
    result = flux_dev.subscribe(prompt="a cat", image_size="square_hd", num_images=2)
    assert [(image.width, image.height) for image in result.data.images] == [(1024, 1024)] * 2


def test_nothing_is_sent_when_the_input_is_wrong(fal_emulator: FalEmulator) -> None:
    """The emulator remembers what came."""
    with pytest.raises(FalInputError):
        flux_dev.subscribe(prompt="a cat", num_images=9)
    assert len(fal_emulator.requests) == 0
