"""The page in a real browser, at the widths of a desktop and a telephone (--with chromium)."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.report.test_page import report
from tests.report.toy_run import make_toy_run

# What is asked of the page once it is laid out; the answer goes to the frame around it (a window
# cannot be narrower than 500 pixels), which makes it its title.
ASK = """<script>
addEventListener("load", () => {
  const all = (what) => [...document.querySelectorAll(what)];
  document.querySelectorAll("details").forEach((d) => (d.open = true));
  const inside = (e) => e.closest(".scroll, nav, .wide") !== null;
  const right = (e) => e.getBoundingClientRect().right;
  parent.postMessage(JSON.stringify({
    width: innerWidth,
    content: document.documentElement.scrollWidth,
    wide: all("body *").filter((e) => !inside(e) && right(e) > innerWidth + 1)
      .map((e) => e.tagName + "." + e.className),
    taps: all("nav a, summary, audio").map((e) => Math.round(e.getBoundingClientRect().height)),
    images: all("img").length,
    broken: all("img").filter((e) => !e.naturalWidth).length,
  }), "*");
});
</script>"""
FRAME = """<!doctype html><title></title>
<script>addEventListener("message", (e) => (document.title = e.data));</script>
<iframe src="asked.html" width="WIDTH" height="900" style="border: 0"></iframe>"""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def seen(page: Path, width: int, folder: Path) -> dict[str, Any]:
    """How the browser lays the page out at that width."""
    asked = folder / "asked.html"
    asked.write_text(page.read_text(encoding="utf-8") + ASK, encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    browser = shutil.which("chromium") or "chromium"
    done = subprocess.run(
        [
            *(browser, *FLAGS, f"--user-data-dir={folder / 'profile'}"),
            *("--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom"),
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None
    found: dict[str, Any] = json.loads(html.unescape(title.group(1)))
    return found


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window_and_all_can_be_tapped(width: int, tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path)
    report(toy)
    page = toy.root / "report/index.html"
    found = seen(page, width, tmp_path)
    assert found["width"] == width
    assert found["content"] <= width
    assert found["wide"] == []
    assert found["images"] > 3
    assert found["broken"] == 0
    if width < 480:
        assert min(found["taps"]) >= 44
