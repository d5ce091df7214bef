"""report.html in a browser: opened on a screen of some width, and the colours of its texts."""

from __future__ import annotations

import re
import time


def open_page(browser, tmp_path, text, width=1200, colours="light"):
    """Opens a page from a file, in a window of that width and with that colour scheme, and waits until it is drawn."""
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    set_screen(browser, width, colours)
    browser.get(path.as_uri())
    deadline = time.monotonic() + 60
    while browser.execute_script("return document.documentElement.dataset.ready") != "true":
        assert time.monotonic() < deadline, browser.get_log("browser")
        time.sleep(0.02)


def set_screen(browser, width, colours):
    """Makes the window that wide and sets the colour scheme; forgets what was logged."""
    browser.get_log("browser"), browser.get_log("performance")
    media = [{"name": "prefers-color-scheme", "value": colours}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def colours_of_texts(browser):
    """Returns every visible text with its colour and the colour behind it, as lists of red, green and blue.

    Translucent colours are blended with those behind them.
    """
    found = []
    for text, ink, layers in browser.execute_script(_COLOURS):
        paper = [0.0, 0.0, 0.0]
        for layer in [*reversed(layers), ink]:
            behind = paper
            red, green, blue, *alpha = [float(n) for n in re.findall(r"[\d.]+", layer)]
            part = alpha[0] if alpha else 1.0
            paper = [part * one + (1 - part) * other for one, other in zip((red, green, blue), behind)]
        found.append((text, paper, behind))
    return found


def contrast(one, other):
    """Returns WCAG 2's contrast ratio of two colours."""

    def luminance(colour):
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


_COLOURS = """
const found = [];
for (const element of document.querySelectorAll("body *")) {
  const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
  if (!text || !element.checkVisibility() || element.closest("script, .unseen, .skip")) continue;
  const layers = [];
  let behind = element;
  do {
    layers.push(getComputedStyle(behind).backgroundColor);
    behind = behind.parentElement;
  } while (behind && /^rgba/.test(layers[layers.length - 1]));
  found.push([text, getComputedStyle(element).color, layers]);
}
return found;
"""
