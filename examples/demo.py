"""The tour that `make demo` gives: call a model, then let a type checker read the same program.

Runs against the emulator; with DEMO_LIVE=1 and FAL_KEY set, against the live platform.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = ROOT / "examples" / "quickstart.py"
OUT = ROOT / "out"


def main() -> None:
    """Take the steps in turn; the first one that fails ends the tour."""
    with platform() as environment:
        say(f"run {shown(QUICKSTART)}: a cat, four pictures, updates as they come")
        run(sys.executable, QUICKSTART, environment=environment)
        check_pictures()

    say(f"check {shown(QUICKSTART)} with mypy --strict")
    run(sys.executable, "-m", "mypy", "--strict", QUICKSTART)

    say("check a copy in which prompt= is misspelt: mypy must find it")
    show_diagnostic()
    say("done")


@contextmanager
def platform() -> Generator[dict[str, str]]:
    """Give the environment in which the quickstart reaches a platform."""
    if os.environ.get("DEMO_LIVE") == "1":
        if "FAL_KEY" not in os.environ:
            sys.exit("DEMO_LIVE=1 calls the live platform and needs FAL_KEY.")
        say("use the live platform with the key in FAL_KEY")
        yield {}
        return

    from fal_typed.testing import FalEmulator

    say("start the emulator: fal's API on this machine, without a key")
    with FalEmulator(queue_time=0.6, run_time=0.9) as emulator:
        print(f"listening on {emulator.host}; its images are generated test images, no model runs")
        yield emulator.environ()


def check_pictures() -> None:
    """Open what the quickstart saved, as proof that these are pictures."""
    from PIL import Image

    pictures = sorted(OUT.glob("cat-*"))
    if not pictures:
        sys.exit(f"no pictures in {shown(OUT)}")
    for path in pictures:
        with Image.open(path) as picture:
            picture.load()
            print(f"{shown(path)}  {picture.format} {picture.width} x {picture.height}")


def show_diagnostic() -> None:
    """Check a copy with a mistake in it, and insist that the mistake is found."""
    copy = OUT / "misspelt.py"
    copy.write_text(QUICKSTART.read_text().replace("prompt=", "promt="))
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", shown(copy)], cwd=ROOT, check=False
    )
    if checked.returncode == 0:
        sys.exit("mypy should have found promt=")


def run(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    """Run a program in the checkout; end the tour with its exit code if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)


def say(step: str) -> None:
    """Announce a step in one line."""
    print(f"\n\033[1m▸ {step}\033[0m" if sys.stdout.isatty() else f"\n▸ {step}", flush=True)


def shown(path: Path) -> str:
    """Write a path as seen from the checkout."""
    return str(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
