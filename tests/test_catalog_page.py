"""The catalog page in headless Chromium, wide and narrow, and the data beside it."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from fal_typed import FalClient
from fal_typed._documents.catalog import Catalog
from fal_typed.testing import FalEmulator
from scripts import catalog_page
from tests.emulator.test_page import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent / "docs"
DEV = "fal-ai/flux/dev"
ENDPOINTS = len(Catalog().ids())
WIDE, NARROW = 1280, 390
HEAD = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<body class="md-typeset">"""
SHOWN = "return performance.getEntriesByName('catalog-shown').length"

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as MkDocs would lay it out, without the theme around it."""
    root = tmp_path_factory.mktemp("site")
    catalog_page.write(root / "catalog")
    body = (DOCS / "catalog.md").read_text(encoding="utf-8").partition("# Catalog\n")[2]
    head = (
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    )
    head += '<body class="md-typeset">'
    (root / "catalog" / "index.html").write_text(head + body, encoding="utf-8")
    (root / "assets").symlink_to(DOCS / "assets")
    return root


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/catalog/"
        server.shutdown()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    with chromium(str(tmp_path_factory.mktemp("profile"))) as driver:
        yield driver


class CatalogPage:
    """The page as its reader sees it."""

    def __init__(self, driver, url: str) -> None:
        self.driver = driver
        self.url = url

    def go(self, rest: str = "", width: int = WIDE) -> None:
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < WIDE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get("about:blank")
        self.driver.get(self.url + rest)
        self.wait(
            lambda: self.script("return performance.getEntriesByName('catalog-shown').length")
        )

    def wait(self, condition) -> None:
        # An element may be replaced between finding and reading it.
        waiting = WebDriverWait(
            self.driver, 20, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        waiting.until(lambda _: condition())

    def find(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def ids(self) -> list[str]:
        return self.script(
            "return [...document.querySelectorAll('#catalog-list a')].map(a => a.hash.slice(1))"
        )

    def search(self, words: str) -> list[str]:
        box = self.find("[name=words]")
        box.clear()
        box.send_keys(words)
        return self.ids()

    def choose(self, name: str, value: str) -> None:
        Select(self.find(f"[name={name}]")).select_by_value(value)

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self) -> str:
        return self.script("return document.activeElement.hash || document.activeElement.id")

    def script(self, code: str):
        return self.driver.execute_script(code)


@pytest.fixture
def page(driver, url: str) -> CatalogPage:
    return CatalogPage(driver, url)


def test_all_endpoints_are_listed(page):
    page.go()
    assert page.ids() == Catalog().ids()
    assert page.text("#catalog-count") == f"{ENDPOINTS:,} endpoints"


def test_words_are_found_in_any_order_and_named_endpoints_come_first(page):
    page.go()
    found = page.search("lora flux")
    assert 0 < len(found) < ENDPOINTS
    assert {"flux", "lora"} <= set(found[0].replace("/", "-").split("-"))
    assert "fal-ai/birefnet" in page.search("background removal")
    assert DEV in page.search("num_inference_steps flux dev"), "parameters are searched"
    assert page.search("no such endpoint") == []
    assert "No endpoint matches" in page.text("#catalog-count")


def test_filters_narrow_the_list_and_stay_in_the_address(page):
    page.go()
    page.choose("task", "text to image")
    page.choose("family", "flux")
    page.wait(lambda: {catalog_page.family_of(one) for one in page.ids()} == {"flux"})
    found = page.ids()
    assert DEV in found
    page.go(page.script("return location.search"))
    assert page.ids() == found
    page.find("button[type=reset]").click()
    page.wait(lambda: len(page.ids()) == ENDPOINTS)


def test_inputs_and_outputs_filter(page):
    page.go("?input=video&output=audio")
    found = page.ids()
    assert found
    assert DEV not in found


def test_an_endpoint_shows_parameters_bounds_and_code(page):
    page.go(f"#{DEV}")
    shown = page.text("#catalog-endpoint")
    assert "from fal_typed.endpoints.fal_ai.flux.dev import flux_dev" in shown
    assert f"fal-typed run {DEV}" in shown
    assert f"curl https://queue.fal.run/{DEV}" in shown
    steps = next(row for row in shown.splitlines() if "num_inference_steps" in row)
    assert steps
    assert "28" in shown
    assert "≥ 1, ≤ 50" in shown
    assert "ImageSize" in shown, "objects inside the parameters are shown"


def test_code_is_copied(page):
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": page.url[:-9]},
    )
    page.go(f"#{DEV}")
    page.find("[aria-label='Copy Python']").click()
    page.wait(lambda: page.text("[aria-label='Copy Python']") == "Copied")
    copied = page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied == page.text("figure code")


def test_it_works_by_keyboard_alone(page):
    page.go()
    page.search("flux dev")
    first, second = page.ids()[:2]
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == f"#{first}"
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == f"#{second}"
    page.press(Keys.ENTER)
    page.wait(lambda: page.find("#catalog-endpoint h2").text == second)
    page.press(Keys.ARROW_RIGHT)
    assert page.focused() == "catalog-endpoint"
    page.press(Keys.ESCAPE)
    assert page.focused() == f"#{second}"
    page.press(Keys.ESCAPE)
    page.press(Keys.ENTER)
    page.wait(lambda: page.find("#catalog-endpoint h2").text == first)


def test_on_a_phone_the_list_and_the_endpoint_take_turns(page):
    page.go("?words=flux+dev", width=NARROW)
    assert not page.find("#catalog-endpoint").is_displayed()
    page.find(f"#catalog-list a[href='#{DEV}']").click()
    page.wait(lambda: page.find("#catalog-endpoint").is_displayed())
    page.wait(lambda: page.text("#catalog-endpoint h2") == DEV)
    assert not page.find("#catalog-list").is_displayed()
    page.find(".back").click()
    page.wait(lambda: page.find("#catalog-list").is_displayed())


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("rest", ["", f"#{DEV}", "#fal-ai/kling-video/v2/master/text-to-video"])
def test_nothing_is_wider_than_the_window(page, width, rest):
    page.go(rest, width)
    assert page.script("return document.documentElement.scrollWidth") <= width


def test_an_unknown_endpoint_in_the_address_shows_the_list(page):
    page.go("#no/such/endpoint")
    assert "Select an endpoint" in page.text("#catalog-endpoint")
    assert len(page.ids()) == ENDPOINTS


@pytest.mark.parametrize("endpoint_id", [DEV, "fal-ai/birefnet", "fal-ai/kokoro/american-english"])
def test_the_python_code_runs_as_it_is(site, endpoint_id, monkeypatch):
    details = json.loads(
        (site / "catalog" / "endpoints" / f"{endpoint_id}.json").read_text("utf-8")
    )
    with FalEmulator() as emulator, FalClient():
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        namespace: dict = {}
        exec(details["python"], namespace)
        assert namespace["result"].request_id


def test_file_parameters_are_inputs(site):
    rows = json.loads((site / "catalog" / "index.json").read_text())
    kinds = rows["kinds"]
    found = {row[0]: (row[1], {kinds[i] for i in row[2]}) for row in rows["endpoints"]}
    assert found["alibaba/happy-horse/image-to-video"] == ("image to video", {"text", "image"})
    assert found["alibaba/happy-horse/text-to-video"] == ("text to video", {"text"})
    assert sum("image" in inputs for _, inputs in found.values()) > 800


def test_every_endpoint_has_a_task_and_a_family(site):
    index = json.loads((site / "catalog" / "index.json").read_text(encoding="utf-8"))
    assert len(index["endpoints"]) == ENDPOINTS
    others = [row[0] for row in index["endpoints"] if row[1] == "other"]
    assert len(others) < ENDPOINTS / 30, others
    assert all(row[4] for row in index["endpoints"])
