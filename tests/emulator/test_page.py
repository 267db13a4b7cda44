"""The emulator's page in headless Chromium."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from fal_typed._documents.catalog import Catalog
from fal_typed.testing import FalEmulator
from tests.requirements import CHROMEDRIVER, CHROMIUM, need_browser

DEV = "fal-ai/flux/dev"
SCHNELL = "fal-ai/flux/schnell"
VIDEO = "fal-ai/kling-video/v2/master/text-to-video"
SPEECH = "fal-ai/kokoro/american-english"
HOSTILE = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>\"'>"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1300,900",
)

pytestmark = [
    pytest.mark.xdist_group("browser"),  # one browser for all of these tests
    # selenium leaves its pipe to the driver to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def chromium(profile: str, *flags: str):
    need_browser()
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(CHROMEDRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator:
    with chromium(str(tmp_path_factory.mktemp("profile"))) as driver:
        yield driver


class Page:
    """The page as its user sees it."""

    def __init__(self, driver, emulator: FalEmulator) -> None:
        self.driver = driver
        self.emulator = emulator
        self.go("")

    def go(self, fragment: str) -> None:
        self.driver.get("about:blank")  # another fragment alone would not reload the page
        self.driver.get(f"{self.emulator.url}/{fragment}")
        self.wait(lambda: "call" in self.text("#counts"))

    def wait(self, condition: Callable[[], object]) -> None:
        def met(_driver) -> bool:
            try:
                return bool(condition())
            except (NoSuchElementException, StaleElementReferenceException):
                return False

        WebDriverWait(self.driver, 20, poll_frequency=0.05).until(met)

    def find(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def rows(self) -> list[str]:
        return [row.text for row in self.all("#list li")]

    def field(self, name: str):
        return self.find(f"form.call [name={name}]")

    def script(self, code: str):
        return self.driver.execute_script(code)

    def send(self) -> None:
        self.find("form.call button[type=submit]").click()


@pytest.fixture
def page(driver, emulator) -> Page:
    driver.get_log("browser")  # discard the entries of the previous test
    return Page(driver, emulator)


def submit(emulator, http, endpoint_id=DEV, **arguments) -> str:
    response = http.post(f"{emulator.url}/queue.fal.run/{endpoint_id}", json=arguments)
    return response.json()["request_id"]


def test_new_calls_appear_while_the_page_is_open(page, emulator, http):
    assert page.rows() == []
    assert page.find("#nothing").is_displayed()
    emulator.endpoint(DEV).queue_time = 600
    emulator.endpoint(DEV).positions = (7,)
    waiting = submit(emulator, http, prompt="a cat")
    page.wait(lambda: len(page.rows()) == 1)
    assert "in queue position 7" in page.rows()[0]
    assert "a cat" in page.rows()[0]
    page.find("#list a").click()
    page.wait(lambda: page.text("#part-output") == "Output\nNot yet.")
    page.find("#cancel").click()
    page.wait(lambda: "cancelled" in page.text("#part-head"))
    assert emulator.jobs[waiting].cancelled
    assert "cancelled" in page.rows()[0]
    assert not page.all("#cancel")


def test_a_call_shows_output_images_input_logs_and_requests(page, emulator, http):
    emulator.endpoint(DEV).logs = ("Warming up", "Done")
    job = submit(emulator, http, prompt="two cats", num_images=2)
    http.get(f"{emulator.url}/queue.fal.run/{DEV}/requests/{job}/status")
    page.go(f"#/call/{job}")
    page.wait(lambda: len(page.all("#part-output img")) == 2)
    width = "return [...document.querySelectorAll('#part-output img')].map(i => i.naturalWidth)"
    page.wait(lambda: page.script(width) == [1024, 1024])
    assert json.loads(page.text("#part-input pre")) == {"prompt": "two cats", "num_images": 2}
    assert json.loads(page.text("#part-output pre"))["prompt"] == "two cats"
    assert [line.text for line in page.all("#part-logs li")] == ["INFO Warming up", "INFO Done"]
    assert "GET status 200" in page.text("#part-requests tbody")
    page.wait(lambda: page.script("return document.querySelector('#list img').naturalWidth"))


@pytest.mark.parametrize(("endpoint_id", "tag"), [(VIDEO, "video"), (SPEECH, "audio")])
def test_video_and_audio_can_be_played(page, emulator, http, endpoint_id, tag):
    page.go(f"#/call/{submit(emulator, http, endpoint_id, prompt='a train')}")
    ready = f"const p = document.querySelector('#part-output {tag}'); return p && p.readyState"
    page.wait(lambda: (page.script(ready) or 0) >= 1)
    assert page.script(f"return document.querySelector('{tag}').duration") > 0
    player = page.find(f"#part-output {tag}")
    http.get(f"{emulator.url}/queue.fal.run/{endpoint_id}/requests/x/status")
    submit(emulator, http, prompt="something new")
    page.wait(lambda: len(page.rows()) == 2)
    assert player.is_displayed(), "the player is not replaced, so that it keeps playing"


def test_filters(page, emulator, http):
    submit(emulator, http, prompt="a cat")
    submit(emulator, http, prompt="a dog")
    submit(emulator, http, SCHNELL, num_images=99)
    page.wait(lambda: len(page.rows()) == 3)
    page.find("#filters [name=text]").send_keys("DOG")
    page.wait(lambda: len(page.rows()) == 1)
    assert "a dog" in page.rows()[0]
    page.find("#filters [name=text]").clear()
    Select(page.find("#filters [name=status]")).select_by_value("FAILED")
    page.wait(lambda: len(page.rows()) == 1 and "failed" in page.rows()[0])
    Select(page.find("#filters [name=endpoint]")).select_by_value(DEV)
    page.wait(lambda: page.rows() == [])
    assert page.text("#nothing") == "No calls match the filters."


def test_the_form_sends_only_what_was_set(page, emulator):
    page.go(f"#/new/{DEV}")
    page.wait(lambda: page.field("prompt"))
    assert page.field("guidance_scale").get_attribute("placeholder") == "3.5"
    assert page.field("num_images").get_attribute("max") == "4"
    choices = [option.text for option in Select(page.field("output_format")).options]
    assert choices == ["jpeg (default)", "jpeg", "png"]
    page.field("prompt").send_keys("a cat")
    page.field("seed").send_keys("7")
    Select(page.field("output_format")).select_by_visible_text("png")
    Select(page.field("sync_mode")).select_by_visible_text("false")
    Select(page.field("image_size")).select_by_visible_text("JSON…")
    page.find("[aria-label='image_size as JSON']").send_keys('{"width": 64, "height": 32}')
    page.send()
    page.wait(lambda: "completed" in page.text("#part-head"))
    [request] = emulator.requests.of("submit")
    assert request.json == {
        "prompt": "a cat",
        "image_size": {"width": 64, "height": 32},
        "seed": 7,
        "sync_mode": False,
        "output_format": "png",
    }
    page.wait(lambda: page.script("return document.querySelector('figure img').naturalWidth") == 64)


def test_the_form_checks_the_schema_unless_the_json_is_edited(page, emulator):
    page.go(f"#/new/{DEV}")
    page.wait(lambda: page.field("prompt"))
    page.send()
    assert page.script("return document.activeElement.name") == "prompt", "it is required"
    page.field("prompt").send_keys("x")
    page.field("num_images").send_keys("9")
    page.send()
    assert page.script("return document.activeElement.name") == "num_images"
    assert len(emulator.requests) == 0
    page.field("as_json").click()
    assert json.loads(page.field("raw").get_attribute("value")) == {"prompt": "x", "num_images": 9}
    page.send()
    page.wait(lambda: "failed" in page.text("#part-head"))
    assert "less_than_equal" in page.text("#part-output")


def test_call_again_fills_in_the_input(page, emulator, http):
    size = {"width": 64, "height": 64}
    page.go(f"#/call/{submit(emulator, http, prompt='a cat', num_images=2, image_size=size)}")
    page.wait(lambda: page.find("#again"))
    page.find("#again").click()
    page.wait(lambda: page.field("prompt").get_attribute("value") == "a cat")
    Select(page.find("form.call [name=mode]")).select_by_value("run")
    page.send()
    page.wait(lambda: "run" in page.text("#part-head .facts"))
    sent = emulator.requests.of("run")[0].json
    assert sent == {"prompt": "a cat", "num_images": 2, "image_size": size}


def test_a_scripted_endpoint_without_a_document_takes_json(page, emulator):
    emulator.endpoint("acme/echo").handler = lambda arguments: {"echo": arguments}
    page.go("#/new/acme/echo")
    page.wait(lambda: page.field("raw"))
    page.field("raw").clear()
    page.field("raw").send_keys('{"a": 1}')
    page.send()
    page.wait(lambda: json.loads(page.text("#part-output pre")) == {"echo": {"a": 1}})


def test_an_unknown_endpoint_is_reported(page):
    page.go("#/new/acme/nothing")
    page.wait(lambda: page.field("raw"))
    page.send()
    page.wait(lambda: "404" in page.text("[role=alert]"))


def test_a_key_can_be_entered(driver):
    with FalEmulator(keys=["id:secret"], run_time=0.0) as emulator:
        page = Page(driver, emulator)
        page.go(f"#/new/{DEV}")
        page.wait(lambda: page.field("prompt"))
        page.field("prompt").send_keys("x")
        page.send()
        page.wait(lambda: "401" in page.text("[role=alert]"))
        page.field("key").send_keys("id:secret")
        page.send()
        page.wait(lambda: "completed" in page.text("#part-head"))


def test_it_can_be_used_by_keyboard_alone(page, emulator, http):
    submit(emulator, http, prompt="a cat")
    page.wait(lambda: len(page.rows()) == 1)
    page.script("document.querySelector('#filters [name=text]').focus()")
    keyboard = webdriver.ActionChains(page.driver)
    keyboard.send_keys(Keys.TAB).perform()
    submit(emulator, http, prompt="newer")
    page.wait(lambda: len(page.rows()) == 2)
    assert page.script("return document.activeElement.textContent").count("a cat") == 1
    webdriver.ActionChains(page.driver).send_keys(Keys.ENTER).perform()
    page.wait(lambda: json.loads(page.text("#part-input pre")) == {"prompt": "a cat"})


def test_hostile_data_stays_text(page, emulator, http):
    hostile_id = "acme/" + HOSTILE.replace("/", "|")
    script = emulator.endpoint(hostile_id)
    script.logs = (HOSTILE,)
    script.responds(
        {
            "file": {"url": "javascript:window.pwned=1", "file_name": HOSTILE},
            "data": "data:text/html,<script>window.pwned=1</script>",
            "picture": {"url": "https://example.com/x.png", "file_name": HOSTILE},
            "image": "data:image/svg+xml,<svg onload='window.pwned=1' xmlns='x'/>",
            HOSTILE: HOSTILE,
        }
    )
    url = f"{emulator.url}/queue.fal.run/{hostile_id.replace('<', '%3C').replace('>', '%3E')}"
    job = http.post(url, json={"prompt": HOSTILE, "image_url": "javascript:window.pwned=1"}).json()
    page.go(f"#/call/{job['request_id']}")
    page.wait(lambda: HOSTILE in page.text("#part-logs"))
    assert page.text("#part-head h2") == hostile_id
    assert HOSTILE in page.rows()[0]
    assert HOSTILE in json.loads(page.text("#part-output pre"))
    page.wait(lambda: HOSTILE in page.text("#part-output figcaption"))
    page.go("#/new/" + HOSTILE)
    page.wait(lambda: page.field("raw"))
    assert page.script("return window.pwned") is None
    assert not page.all("[onerror], [onload], body script, a[href^='javascript']")
    assert not page.all("img[src^='http']"), "nothing is loaded from other origins"
    logged = page.driver.get_log("browser")
    assert not [one for one in logged if "Content Security Policy" in one["message"]]


def test_a_hostile_document_stays_text(driver, tmp_path):
    source = Catalog().document(DEV).raw
    text = json.dumps(source).replace(DEV, "acme/evil")
    raw = json.loads(text)
    raw["info"]["description"] = HOSTILE
    schema = raw["components"]["schemas"]["FluxDevInput"]
    schema["properties"] = {
        HOSTILE: {"type": "string", "enum": [HOSTILE], "default": HOSTILE},
        "text": {"type": "string", "description": HOSTILE, "default": HOSTILE},
    }
    schema["required"] = []
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/evil.json").write_text(json.dumps(raw))
    with FalEmulator(schemas=tmp_path) as emulator:
        page = Page(driver, emulator)
        page.go("#/new/acme/evil")
        page.wait(lambda: len(page.all("form.call .field")) >= 2)
        assert HOSTILE in page.text("#side")
        assert page.script("return window.pwned") is None
        assert not page.all("[onerror], [onload], body script, #side img")


def test_an_uploaded_page_cannot_act_for_the_emulator_page(page, emulator, http):
    started = http.post(
        f"{emulator.url}/v3.fal.media/files/upload",
        content=b"<script>document.title = 'ran'</script>",
        headers={"content-type": "text/html", "x-fal-file-name": "evil.html"},
    )
    page.driver.get(started.json()["access_url"])
    page.wait(lambda: page.script("return document.readyState") == "complete")
    assert page.driver.title != "ran"
    assert page.script("return self.origin") == "null"


def test_a_stopped_emulator_is_reported(driver):
    with FalEmulator() as emulator:
        page = Page(driver, emulator)
    page.wait(lambda: page.text("#counts") == "The emulator does not respond.")


def test_the_start_shows_how_to_connect(page, emulator):
    shown = page.text("#side")
    assert f"FAL_EMULATOR_HOST={emulator.host}" in shown
    assert f"{emulator.url}/api/fal/proxy" in shown
    assert f"curl {emulator.url}/fal.run/{DEV}" in shown


def test_a_call_can_be_repeated_as_python_and_as_curl(page, emulator, http, monkeypatch):
    arguments = {"prompt": 'it\'s a "cat"', "sync_mode": False, "seed": 7}
    page.go(f"#/call/{submit(emulator, http, **arguments)}")
    page.wait(lambda: len(page.all("#part-code pre")) == 2)
    python, curl = (block.text for block in page.all("#part-code pre"))
    monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
    exec(python, {})
    subprocess.run(["/bin/sh", "-c", curl], check=True, capture_output=True)
    sent = [request.json for request in emulator.requests.of("submit")]
    assert sent == [arguments] * 3


def test_dark_and_light(page, tmp_path, emulator):
    background = "return getComputedStyle(document.body).backgroundColor"
    colors = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        colors.append(page.script(background))
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert colors == ["rgb(246, 247, 249)", "rgb(20, 22, 26)"]


def test_a_narrow_window_does_not_scroll_sideways(page, emulator, http):
    job = submit(emulator, http, prompt="a cat " * 40)
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 380, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    for fragment in (f"#/call/{job}", f"#/new/{DEV}"):
        page.go(fragment)
        page.wait(lambda: page.all("#part-output pre, form.call"))
        wider = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
        assert page.script(wider) <= 0
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
