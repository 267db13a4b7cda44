"""The workflow of examples/workflows, with its steps run by bash in a separate repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.codegen.building import document, write_documents
from tests.scripted import Reply, Seen, scripted

WORKFLOW = Path(__file__).parents[2] / "examples/workflows/update-schemas.yml"
TEXT = {"type": "string"}
GH = """\
#!/bin/sh
echo "$@" >> "$GH_CALLS"
case "$2" in
list) cat "$GH_OPEN" ;;
create | edit) while [ $# -gt 1 ]; do [ "$1" = --body-file ] && cp "$2" "$GH_BODY"; shift; done ;;
esac
"""


class Project:
    """A repository with the workflow's steps, an origin, and a `gh` that records its calls."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder = folder / "project"
        self.origin = folder / "origin.git"
        self.temp = folder / "temp"
        self.home = folder / "home"
        tools = folder / "tools"
        for one in (self.folder, self.temp, tools, self.home):
            one.mkdir()
        (tools / "gh").write_text(GH)
        (tools / "gh").chmod(0o755)
        (self.temp / "open").write_text("0\n")
        self.environment = {
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "FAL_EMULATOR_HOST": host,
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
            "GITHUB_ENV": str(self.temp / "env"),
            "GH_CALLS": str(self.temp / "calls"),
            "GH_OPEN": str(self.temp / "open"),
            "GH_BODY": str(self.temp / "body"),
        }

    def git(self, *words: str) -> str:
        own = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *own, *words],
            cwd=self.folder,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def begin(self, *documents: dict[str, Any]) -> None:
        (self.folder / "pyproject.toml").write_text(
            '[tool.fal-typed]\nschemas = "schemas"\nendpoints = ["fal-ai/flux/*"]\n'
            'output = "src/myapp/fal"\n'
        )
        write_documents(self.folder / "schemas", *documents)
        (self.folder / "src/myapp").mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.git("init", "-q", "--bare", str(self.origin))
        self.git("remote", "add", "origin", str(self.origin))
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "begin")

    def run(self) -> dict[str, int]:
        """Run the steps up to the first that fails, as GitHub does; returns exit codes by name."""
        content = yaml.safe_load(WORKFLOW.read_text())
        environment = {**self.environment, **content["env"]}
        codes: dict[str, int] = {}
        for step in content["jobs"]["update"]["steps"]:
            name = step.get("name", step.get("uses", ""))
            if "run" not in step or name == "Install":
                continue
            path = Path(self.environment["GITHUB_ENV"])
            lines = path.read_text().splitlines() if path.exists() else []
            known = dict(line.split("=", 1) for line in lines)
            done = subprocess.run(
                ["bash", "-e", "-c", step["run"]],
                cwd=self.folder,
                env={**environment, **known},
                check=False,
                capture_output=True,
                text=True,
            )
            codes[name] = done.returncode
            if done.returncode:
                break
        return codes

    def noted(self, name: str) -> str:
        path = self.temp / name
        return path.read_text() if path.exists() else ""


def platform(*documents: dict[str, Any], broken: str = "") -> Any:
    by_id = {one["info"]["x-fal-metadata"]["endpointId"]: one for one in documents}

    def reply(seen: Seen) -> Reply:
        models = [
            {"endpoint_id": id_, "openapi": None if id_ == broken else one}
            for id_, one in by_id.items()
        ]
        return Reply(200 if "/v1/models" in seen.path else 404, {"models": models})

    return reply


def flux(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document(properties, endpoint_id="fal-ai/flux/dev", **more)


OTHER = document({"x": TEXT}, endpoint_id="fal-ai/flux/other")


def test_a_change_becomes_a_pull_request(tmp_path: Path) -> None:
    new = flux({"x": TEXT, "y": TEXT}, required=["y"])
    with scripted(platform(new, OTHER)) as server:
        project = Project(tmp_path, server.host)
        project.begin(flux({"x": TEXT}))
        assert set(project.run().values()) == {0}
        assert project.git("log", "--format=%s", "update-schemas", "-1") == (
            "Update schemas (breaking)\n"
        )
        pushed = project.git("ls-remote", str(project.origin), "update-schemas")
        assert project.git("rev-parse", "update-schemas").strip() in pushed
        files = project.git("show", "--stat", "--format=", "update-schemas")
        assert "schemas/fal-ai/flux/other.json" in files
        assert "src/myapp/fal/" in files
        assert "## Breaking" in project.noted("body")
        assert "`input.y`: required parameter added" in project.noted("body")
        assert project.noted("summary") == project.noted("body")
        assert "pr create --head update-schemas --title Update schemas (breaking)" in (
            project.noted("calls")
        )

        project.git("switch", "-q", "main")
        (project.temp / "open").write_text("1\n")
        assert set(project.run().values()) == {0}
        assert "pr edit update-schemas" in project.noted("calls")


def test_no_change_opens_no_pull_request(tmp_path: Path) -> None:
    with scripted(platform(flux({"x": TEXT}))) as server:
        project = Project(tmp_path, server.host)
        project.begin(flux({"x": TEXT}))
        project.run()
        project.git("switch", "-q", "-C", "main", "update-schemas")
        (project.temp / "calls").unlink()
        assert set(project.run().values()) == {0}
    assert project.noted("calls") == ""


def test_a_failed_document_fails_the_run_at_its_end(tmp_path: Path) -> None:
    new = flux({"x": TEXT, "more": TEXT})
    with scripted(platform(new, OTHER, broken="fal-ai/flux/other")) as server:
        project = Project(tmp_path, server.host)
        project.begin(flux({"x": TEXT}))
        codes = project.run()
    assert codes.popitem() == ("Tell what could not be pulled", 1)
    assert set(codes.values()) == {0}
    assert "fal-ai/flux/other" in project.noted("failed.txt")
    assert "pr create --head update-schemas --title Update schemas --body" in project.noted("calls")


def test_only_github_actions_are_used_and_text_reaches_no_expression() -> None:
    content = yaml.safe_load(WORKFLOW.read_text())
    steps = content["jobs"]["update"]["steps"]
    used = [step["uses"].partition("@")[0] for step in steps if "uses" in step]
    assert used == ["actions/checkout", "actions/setup-python"]
    assert not any("${{" in step.get("run", "") for step in steps)
    assert "FAL_KEY" not in json.dumps([step for step in steps if step.get("name") != "Pull"])


@pytest.mark.parametrize("name", ["Pull", "Diff", "Generate", "Open a pull request"])
def test_the_docs_explain_every_step(name: str) -> None:
    text = (Path(__file__).parents[2] / "docs/automation.md").read_text()
    assert f"**{name}**" in text
