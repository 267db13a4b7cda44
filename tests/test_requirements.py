"""What is missing skips tests on a developer's machine and fails them in CI."""

from __future__ import annotations

import pytest

from tests.requirements import need


def test_what_is_missing_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Node is missing: install it"):
        need("Node", found=False, install="install it")


def test_what_is_missing_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Node is missing: install it"):
        need("Node", found=False, install="install it")


def test_what_is_there_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    need("Node", found=True, install="install it")
