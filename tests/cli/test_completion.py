"""Shells complete ids, flags and values."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MAIN = "from fal_typed.cli import main; main()"


def complete(shell: str, line: str) -> str:
    variables = {
        "_FAL_TYPED_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": "" if shell == "bash" else line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        [sys.executable, "-c", MAIN],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fal-typed sub", ["submit"]),
        ("fal-typed run fal-ai/flux/de", ["fal-ai/flux/dev"]),
        ("fal-typed show fal-ai/biref", ["fal-ai/birefnet/v2"]),
        ("fal-typed run fal-ai/flux/dev --num-im", ["--num-images"]),
        ("fal-typed run fal-ai/flux/dev --output-format ", ["jpeg", "png"]),
        ("fal-typed run fal-ai/flux/dev --image-size sq", ["square_hd", "square"]),
        ("fal-typed run fal-ai/flux-lora --loras.0.p", ["--loras.0.path"]),
    ],
)
def test_completion(shell: str, line: str, expected: list[str]) -> None:
    found = complete(shell, line)
    for word in expected:
        assert word in found
    assert "nonsense" not in found
