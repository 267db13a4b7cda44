"""Tests of code that calls fal, with the fixture `fal_emulator` in place of the platform.

Run them with ``pytest examples/testing.py``; they need no key and no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fal_typed import FalInputError
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev

if TYPE_CHECKING:
    from fal_typed.testing import FalEmulator


def test_images_have_the_requested_size(fal_emulator: FalEmulator) -> None:
    """Outputs are generated from the endpoint's schema and depend only on the input."""
    result = flux_dev.subscribe(prompt="a cat", image_size="square_hd", num_images=2)
    assert [(image.width, image.height) for image in result.data.images] == [(1024, 1024)] * 2


def test_an_invalid_input_is_not_sent(fal_emulator: FalEmulator) -> None:
    """The emulator records every request."""
    with pytest.raises(FalInputError):
        flux_dev.subscribe(prompt="a cat", num_images=9)
    assert len(fal_emulator.requests) == 0
