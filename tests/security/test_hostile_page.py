"""A real browser opens a hostile page of another origin while the emulator runs beside it."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from fal_typed.testing import FalEmulator, Recorder
from tests.scripted import Reply, scripted

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402

from tests.emulator.test_page import chromium  # noqa: E402

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DEV = "fal-ai/flux/dev"
KEY = "0123-id:very-secret-half"
PAGE = """<!doctype html><meta charset="utf-8"><title>prizes</title><body><script>
const base = BASE, read = [];
const attempts = {
  async read() { return (await fetch(base + "/_emulator/requests")).text(); },
  async state() { return (await fetch(base + "/_emulator/state")).text(); },
  async page() { return (await fetch(base + "/")).text(); },
  async opaque() { await fetch(base + "/_emulator/requests", {mode: "no-cors"}); },
  async reset() {
    await fetch(base + "/_emulator/reset", {method: "POST", mode: "no-cors", body: "{}"});
  },
  async script() {
    const headers = {"content-type": "application/json"}, body = '{"run_time": 9}';
    await fetch(base + "/_emulator/endpoints/ID", {method: "POST", headers, body});
  },
  async submit() {
    const url = base + "/queue.fal.run/ID?fal_webhook=" + encodeURIComponent(HOOK);
    await fetch(url, {method: "POST", mode: "no-cors", body: '{"prompt": "spend"}'});
  },
  async run() {
    await fetch(base + "/fal.run/ID", {method: "POST", mode: "no-cors", body: '{"prompt": "x"}'});
  },
  async proxied() {
    await fetch(base + "/api/fal/proxy", {method: "POST", mode: "no-cors", body: "{}"});
  },
  async upload() {
    const url = base + "/v3.fal.media/files/upload";
    await fetch(url, {method: "POST", mode: "no-cors", body: "<script>1</" + "script>"});
  },
  async beacon() { navigator.sendBeacon(base + "/fal.run/ID", '{"prompt": "x"}'); },
  async cancel() {
    await fetch(base + "/queue.fal.run/fal-ai/flux/requests/JOB/cancel", {method: "PUT"});
  },
  async events() {
    await new Promise((done) => {
      const source = new EventSource(
        base + "/queue.fal.run/fal-ai/flux/requests/JOB/status/stream");
      source.onmessage = (event) => { read.push(event.data); source.close(); done(); };
      source.onerror = () => { source.close(); done(); };
    });
  },
  async form() {
    const form = document.createElement("form"), frame = document.createElement("iframe");
    frame.name = "hidden";
    document.body.append(frame, form);
    Object.assign(form, {method: "POST", target: "hidden", enctype: "text/plain",
                         action: base + "/queue.fal.run/ID"});
    form.innerHTML = "<input name='{\\"prompt\\": \\"' value='x\\"}'>";
    await new Promise((done) => { frame.onload = done; form.submit(); });
  },
  async frame() {
    const frame = document.createElement("iframe");
    frame.src = base + "/";
    await new Promise((done) => { frame.onload = done; document.body.append(frame); });
    try { if (frame.contentDocument) read.push(frame.contentDocument.body.textContent); }
    catch (error) { /* of another origin */ }
  },
  async image() {
    const image = new Image();
    await new Promise((done) => {
      image.onload = () => { read.push("image"); done(); };
      image.onerror = done;
      image.src = IMAGE;
    });
  },
  async code() {
    const script = document.createElement("script");
    script.src = base + "/_emulator/page.js";
    await new Promise((done) => {
      script.onload = () => { read.push("script"); done(); };
      script.onerror = done;
      document.body.append(script);
    });
  },
};
for (const path of ["/fal.run/ID/realtime", "/ws.fal.run/ID"]) {
  attempts["socket " + path] = () => new Promise((done) => {
    const socket = new WebSocket(base.replace("http", "ws") + path);
    socket.onopen = () => { read.push("socket"); socket.close(); done(); };
    socket.onerror = () => done();
  });
}
(async () => {
  for (const [name, attempt] of Object.entries(attempts)) {
    try { const text = await attempt(); if (text) read.push(name + ": " + text); }
    catch (error) { /* the browser or the emulator refused it */ }
  }
  window.result = {read, tried: Object.keys(attempts).length};
})();
</script>"""


@contextlib.contextmanager
def site(**values):
    """A web site with one page; the values are put into it."""
    page = PAGE
    for name, value in values.items():
        page = page.replace(name, value)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("victim", ["127.0.0.1", "localhost", "rebound.example"])
@pytest.mark.parametrize("attacker", ["127.0.0.1", "localhost", "attacker.example"])
def test_a_hostile_page_reads_nothing_and_changes_nothing(tmp_path, attacker, victim):
    """The page calls the emulator by loopback, and by a name of its own that leads there."""
    rules = "MAP *.example 127.0.0.1"
    with (
        scripted(lambda _: Reply(200, {})) as inside,
        FalEmulator(run_time=0.0) as emulator,
        chromium(str(tmp_path / "profile"), f"--host-resolver-rules={rules}") as driver,
    ):
        headers = {"authorization": f"Key {KEY}"}
        url = f"{emulator.url}/queue.fal.run/{DEV}"
        job = httpx.post(url, json={"prompt": "mine"}, headers=headers).json()
        image = httpx.get(job["response_url"]).json()["images"][0]["url"]
        before = [record.number for record in emulator.requests]
        port = emulator.host.rpartition(":")[2]
        base = f"http://{victim}:{port}"
        values = {
            "BASE": json.dumps(base),
            "HOOK": json.dumps(f"http://{inside.host}/hook"),
            "IMAGE": json.dumps(image.replace(emulator.url, base)),
            "JOB": job["request_id"],
            "ID": DEV,
        }
        with site(**values) as own_port:
            driver.set_page_load_timeout(30)
            driver.get(f"http://{attacker}:{own_port}/")
            wait = webdriver.support.ui.WebDriverWait(driver, 60, poll_frequency=0.05)
            result = wait.until(lambda driver: driver.execute_script("return window.result"))
        assert result == {"read": [], "tried": 19}
        assert [record.number for record in emulator.requests] == before, "nothing came through"
        assert [one.id for one in emulator.jobs] == [job["request_id"]]
        assert not emulator.jobs[job["request_id"]].cancelled
        assert not list(emulator.webhooks)
        assert not inside.seen
        assert emulator.endpoint(DEV).run_time == 0.0


def test_a_hostile_page_does_not_spend_the_recorders_key(tmp_path, monkeypatch):
    monkeypatch.setenv("FAL_KEY", KEY)
    with scripted(lambda _: Reply(200, {})) as platform:
        tape = Recorder(tmp_path / "tape", upstream=f"http://{platform.host}/")
        with (
            FalEmulator(tape=tape) as emulator,
            chromium(str(tmp_path / "profile")) as driver,
            site(
                BASE=json.dumps(emulator.url),
                HOOK='""',
                IMAGE=json.dumps(f"{emulator.url}/v3.fal.media/files/b/x/y.png"),
                JOB="x",
                ID=DEV,
            ) as own_port,
        ):
            driver.get(f"http://localhost:{own_port}/")
            wait = webdriver.support.ui.WebDriverWait(driver, 60, poll_frequency=0.05)
            wait.until(lambda driver: driver.execute_script("return window.result"))
        assert not platform.seen
        assert not list((tmp_path / "tape").iterdir())


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/html", "<body><script>document.title = 'ran'; parent.x = 1</script>"),
        ("text/html", "<img src=x onerror=\"document.title = 'ran'\">"),
        (
            "image/svg+xml",
            "<svg xmlns='http://www.w3.org/2000/svg' onload='this.setAttribute(`title`, `ran`)'/>",
        ),
        ("text/plain", "<html><script>document.title = 'ran'</script>"),
        ("application/octet-stream", "<html><script>document.title = 'ran'</script>"),
    ],
)
def test_an_uploaded_file_never_runs(tmp_path, kind, content):
    with FalEmulator() as emulator, chromium(str(tmp_path / "profile")) as driver:
        headers = {"content-type": kind, "x-fal-file-name": "evil"}
        upload = f"{emulator.url}/v3.fal.media/files/upload"
        url = httpx.post(upload, content=content.encode(), headers=headers).json()["access_url"]
        driver.get(url)
        root = driver.find_elements(By.XPATH, "/*")
        assert driver.title != "ran"
        assert not [one for one in root if one.get_attribute("title") == "ran"]
        assert not [one for one in emulator.requests if one.path.endswith("/x")]
