"""Speak a text and save the audio file: ``python speech.py "Good morning."``."""

from __future__ import annotations

import sys

from fal_typed.endpoints.fal_ai.kokoro.american_english import kokoro_american_english


def main() -> None:
    """Speak the text of the command line."""
    text = " ".join(sys.argv[1:]) or "Good morning."
    result = kokoro_american_english.subscribe(prompt=text, voice="af_heart")
    print(result.data.audio.save("."))


if __name__ == "__main__":
    main()
