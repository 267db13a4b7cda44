"""The examples of docs/emulator.md run."""

from __future__ import annotations

import gc
import json
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path
from typing import get_args

import pytest

from fal_typed.testing.engine.faults import FaultKind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "emulator.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("code", EXAMPLES)
def test_examples_run(code, emulator, fal_emulator):
    names = {"dev": emulator.endpoint("fal-ai/flux/dev")}
    exec(code, names)
    if "test_my_service" in names:
        names["test_my_service"](fal_emulator)
    if "MyServiceTest" in names:
        tests = unittest.defaultTestLoader.loadTestsFromTestCase(names["MyServiceTest"])
        ended = unittest.TextTestRunner().run(tests)
        assert (ended.testsRun, ended.wasSuccessful()) == (1, True)
    names.clear()
    gc.collect()  # close the official client's connections now, because it never does so itself


def test_every_kind_of_fault_is_documented():
    for kind in get_args(FaultKind):
        assert f"`{kind}`" in PAGE


def test_the_dockerfile_uses_the_command_correctly(tmp_path):
    text = (ROOT / "examples/docker/Dockerfile").read_text()
    words = json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[1])
    probe = json.loads(re.search(r"^ +CMD (.*)$", text, re.MULTILINE)[1])
    stop = re.search(r"^STOPSIGNAL (\w+)$", text, re.MULTILINE)[1]
    binaries = Path(sys.executable).parent
    with subprocess.Popen(
        [binaries / words[0], *words[1:], "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().rstrip().rpartition(":")[2]
        code = probe[-1].replace("8765", port)
        assert (
            subprocess.run([binaries / probe[0], *probe[1:-1], code], check=False).returncode == 0
        )
        process.send_signal(signal.Signals[stop])
        assert process.wait(timeout=20) == 0
