"""The page's data, and the page in a browser: no errors, searching, sorting, and names that stay text."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from mach_tf.explanations.counterfactuals import Counterfactual
from mach_tf.explanations.explanation import Explanation, FeatureAttribution
from mach_tf.explanations.reporting.label_support import Neighbours
from mach_tf.explanations.reporting.point_explanation import AttackedLabel, ExplainedLabel, PointExplanation
from mach_tf.explanations.reporting.report import Report, script_json
from mach_tf.explanations.supporting_points import SupportingPoint
from tests.helpers import pages

HOSTILE_FEATURE = "<script>alert(1)</script>"
HOSTILE_LABEL = "</script><img src=x onerror=alert(2)>"
LABELS = ["cats", "dogs", HOSTILE_LABEL, "birds"]
DOGS = Explanation(0, 1, "dogs", 2.5, 0.5, 0.0, [])


def page(points=6, known_truth=True, attacked=True, hidden_features=0, ranked=False):
    """Returns a report of `points` points; the best label of point i is i % 4, and its score decreases with i."""
    report = Report(LABELS, "logit_mean", 0.05, 3, ranked, (float(ranked), 1 + ranked / 2))
    for point in range(points):
        explained = []
        for rank in (1, 2):
            label = (point + rank - 1) % 4
            names = [HOSTILE_FEATURE, "whiskers", f"word-{point}", *(f"rest-{i}" for i in range(hidden_features))]
            features = [FeatureAttribution(i, n, 0.5, 1.5 - i, i == 1, 7) for i, n in enumerate(names)]
            explanation = Explanation(point, label, LABELS[label], 3.0 - point, -4.0, 1e-12, features)
            neighbours = Neighbours(np.array([(label + 1) % 4]), [np.array([0, 2])])
            explained.append(
                ExplainedLabel(explanation, rank, np.array([4, 5, 6]), np.array([1.0, 2.0, 3.0]), neighbours)
            )
        moved = [AttackedLabel(point % 4, 3.0 - point, 1.0, 1, 2), AttackedLabel((point + 1) % 4, 2.0, 2.5, 2, 1)]
        report.add(
            PointExplanation(
                point,
                [0] if known_truth else None,
                [(point % 4, 3.0 - point), ((point + 1) % 4, 2.0 - point)],
                explained,
                moved if attacked else None,
            )
        )
    return report.html("Explanations of <model>", [("Model", "a & b"), ("Method", "exact")])


def dogs(explanation=DOGS, **options):
    """Returns the explained label "dogs", which shares no bucket with another."""
    return ExplainedLabel(
        explanation, 1, np.array([4]), np.array([1.0]), Neighbours(np.zeros(0, np.int64), []), **options
    )


@pytest.mark.parametrize("ranked", [True, False])
def test_the_page_says_what_a_score_is_made_of(ranked):
    text = page(ranked=ranked)
    assert (", plus what the label's ranker adds;" in text.replace("&#39;", "'")) == ranked
    assert f'"ranked":{str(ranked).lower()}' in text


def test_the_page_says_how_to_read_any_method():
    text = page()
    assert "The <em>completeness gap</em> is" in text and "one label rather than another" in text
    assert "Integrated Gradients" not in text


def test_the_page_is_whole_and_safe():
    text = page(hidden_features=4)
    assert "Explanations of &lt;model&gt;" in text and "a &amp; b" in text
    assert HOSTILE_FEATURE not in text and HOSTILE_LABEL not in text
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", text)
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert HOSTILE_FEATURE in data["features"] and HOSTILE_LABEL in data["labels"]
    first = data["points"][0]["explanations"][0]
    assert len(first["bars"]) == 3 and first["others"] == [["4 others that lower", -1.5 - 2.5 - 3.5 - 4.5]]
    assert first["shown"] == [
        "The first 3 of 7 features are 17% of all attributions",
        pytest.approx(2.5 / 14.5, 1e-4),
        1.5,
        -10.5,
    ]


@pytest.mark.parametrize("value", ["</script>", "<!--", "\u2028", "&lt;", 'a"b'])
def test_json_cannot_leave_its_element(value):
    text = str(script_json({"name": value}))
    assert json.loads(text) == {"name": value} and not set("<>&\u2028") & set(text)


def _headings(browser):
    return [element.text for element in browser.find_elements("css selector", "tr.row .open")]


def test_the_bars_of_the_others_have_the_scale_of_the_features(browser, tmp_path):
    pages.open_page(browser, tmp_path, page(1, hidden_features=4))
    rows = browser.find_elements("css selector", ".bars > tbody > tr")[:4]
    assert [row.text.split("\n")[0][:18] for row in rows[1:]] == [
        "whiskers shared +0",
        "word-0 \u22120.500",
        "4 others that lowe",
    ]
    widths = [row.find_element("css selector", ".bar span").size["width"] for row in rows]
    assert widths[3] > 0 and widths[0] / widths[3] == pytest.approx(1.5 / 12, abs=0.02)
    caption = browser.find_element("css selector", ".bars caption").text
    assert (
        caption == "The first 3 of 7 features are 17% of all attributions by size; they add up to +1.50 of \u221210.5."
    )


def test_a_contrast_has_both_labels_and_no_probabilities(browser, tmp_path):
    report = Report(LABELS, "logit_mean", None, 3)
    explanation = Explanation(
        0, 1, "dogs", 2.5, 0.5, 0.0, [FeatureAttribution(0, "bark", 1.0, 2.0, False, 0)], None, 0, "cats"
    )
    report.add(PointExplanation(0, None, [(1, 3.0)], [dogs(explanation)]))
    pages.open_page(browser, tmp_path, report.html("Contrast", []))
    assert browser.find_element("css selector", ".card h2").text == "dogs rather than cats"
    facts = browser.find_element("css selector", ".facts").text
    assert "difference of scores 2.50" in facts and "%" not in facts
    assert browser.get_log("browser") == []


def test_a_ranker_moves_the_probabilities_of_labels_but_not_of_buckets(browser, tmp_path):
    pages.open_page(browser, tmp_path, page(1, ranked=True))
    facts = browser.find_element("css selector", ".facts").text
    # Weight 1: (3 - 1) / 1.5 and (-4 - 1) / 1.5 as probabilities.
    assert "score 3.00 (79.1%)" in facts and "baseline score \u22124.00 (3.4%)" in facts
    first = browser.find_element("css selector", ".small tbody tr").get_attribute("textContent")
    assert first == "041.0073.1%"


def _type(browser, text):
    box = browser.find_element("id", "search")
    box.clear()
    box.send_keys(text or " ")


def test_opens_without_errors_or_requests_and_names_stay_text(browser, tmp_path):
    pages.open_page(browser, tmp_path, page())
    browser.find_element("css selector", "tr.row .open").click()
    assert browser.get_log("browser") == []
    requests = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in requests if m["method"] == "Network.requestWillBeSent"]
    assert asked and not [url for url in asked if url.startswith(("http", "ws", "ftp"))]
    assert browser.execute_script("return document.querySelectorAll('#list script, #list img').length") == 0
    names = [element.text for element in browser.find_elements("css selector", ".bars .name")]
    assert HOSTILE_FEATURE in names
    assert HOSTILE_LABEL in browser.find_element("id", "list").text
    assert "whiskers shared" in names


def test_searches_points_by_label_feature_and_number(browser, tmp_path):
    pages.open_page(browser, tmp_path, page())
    assert _headings(browser) == list("012345")
    for text, expected in (("word-3", ["3"]), ("WHISKERS", list("012345")), ("point 2", ["2"]), ("birds", list("23"))):
        _type(browser, text)
        found = _headings(browser)
        assert set(expected) <= set(found) if text == "birds" else found == expected
    assert "points" in browser.find_element("id", "count").text
    _type(browser, "no such thing")
    assert _headings(browser) == []
    assert browser.find_element("css selector", ".empty").is_displayed()
    _type(browser, "")
    browser.find_element("id", "wrong").click()
    assert _headings(browser) == list(
        "1235"
    )  # label 0 is true for every point, so the top label is correct for points 0 and 4


def test_sorts_by_every_column_with_the_keyboard(browser, tmp_path):
    from selenium.webdriver.common.keys import Keys

    pages.open_page(browser, tmp_path, page())
    heads = browser.find_elements("css selector", "#table-points thead th")
    orders = {}
    for head in heads:
        for _ in range(2):
            head.find_element("tag name", "button").send_keys(Keys.ENTER)
            orders[head.text, head.get_attribute("aria-sort")] = _headings(browser)
    assert orders["Point", "descending"] == list("543210") and orders["Top score", "ascending"] == list("543210")
    assert orders["Top score", "descending"] == list("012345")
    assert orders["Predicted", "ascending"][:2] == ["2", "3"]  # </script>..., birds
    assert sum(head.get_attribute("aria-sort") != "none" for head in heads) == 1


def test_opens_by_keyboard_and_says_so(browser, tmp_path):
    from selenium.webdriver.common.keys import Keys

    pages.open_page(browser, tmp_path, page())
    button = browser.find_elements("css selector", "tr.row .open")[1]
    assert button.get_attribute("aria-expanded") == "false"
    button.send_keys(Keys.SPACE)
    assert button.get_attribute("aria-expanded") == "true"
    detail = browser.find_element("id", button.get_attribute("aria-controls"))
    assert "mean of the bucket scores of 3 repetitions" in detail.get_attribute("textContent")
    assert "rank 1" in detail.text and "Under one FGSM step" in detail.text
    button.send_keys(Keys.SPACE)
    assert browser.find_elements("css selector", ".detail") == [] and button.get_attribute("aria-controls") is None


def test_labels_lead_to_their_points(browser, tmp_path):
    pages.open_page(browser, tmp_path, page())
    browser.find_element("id", "view-labels").click()
    assert sorted(_headings(browser)) == sorted(LABELS)
    browser.find_elements("css selector", "tr.row .open")[3].click()
    assert "whiskers" in browser.find_element("css selector", ".detail").text
    browser.find_element("css selector", ".card .more").click()
    assert browser.find_element("id", "view-points").get_attribute("aria-pressed") == "true"
    assert "3" in _headings(browser)


def test_every_control_has_a_name(browser, tmp_path):
    pages.open_page(browser, tmp_path, page())
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = ("button", "searchbox", "checkbox", "columnheader", "rowheader", "link")
    controls = [node for node in nodes if node.get("role", {}).get("value") in roles]
    assert len(controls) > 12
    for node in controls:
        assert node["name"]["value"].strip(), node
    heads = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "columnheader"]
    assert heads == ["Point", "True labels", "Predicted", "Top score", "Top label", "After FGSM"]  # without arrows


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_fits_and_contrasts(browser, tmp_path, colours, width):
    pages.open_page(browser, tmp_path, page(), width, colours)
    browser.find_element("css selector", "tr.row .open").click()
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    texts = pages.colours_of_texts(browser)
    assert len(texts) > 60
    for text, ink, paper in texts:
        # The chosen button is inverse.
        assert (sum(ink) > sum(paper)) == (colours == "dark") or text in ("Points", "Labels")
        assert pages.contrast(ink, paper) >= 4.5, text


@pytest.mark.parametrize(("known_truth", "attacked"), [(False, False), (True, False), (False, True)])
def test_opens_without_truth_or_attack(browser, tmp_path, known_truth, attacked):
    pages.open_page(browser, tmp_path, page(known_truth=known_truth, attacked=attacked))
    browser.find_element("css selector", "tr.row .open").click()
    heads = [head.text for head in browser.find_elements("css selector", "#table-points thead th")]
    assert ("True labels" in heads) == known_truth and ("After FGSM" in heads) == attacked
    assert browser.get_log("browser") == []


def test_a_thousand_points_are_drawn_as_they_are_scrolled_to(browser, tmp_path):
    pages.open_page(browser, tmp_path, page(1000))
    assert 20 <= len(_headings(browser)) < 200  # few enough to open at once
    assert browser.find_element("id", "count").text == "1,000 of 1,000 points"
    _type(browser, "word-987")
    assert _headings(browser) == ["987"]


@pytest.mark.parametrize("proved", [0.0, 0.25, 0.0066249, 0.0066251, 0.009999, 0.01996])
def test_a_proved_size_is_never_rounded_up(browser, tmp_path, proved):
    report = Report(LABELS, "logit_mean", None, 3)
    without = Counterfactual(1, (7, 9), True)
    report.add(PointExplanation(0, None, [(1, 3.0)], [dogs(counterfactual=without)], proved=proved))
    pages.open_page(browser, tmp_path, report.html("Proved", []))
    text = browser.find_element("css selector", ".proved").text
    assert "top label dogs" in text and text.startswith("Proved: " if proved else "No proof: ")
    if proved:
        shown = float(re.search(r"\u00b1([\d.]+) each", text)[1])
        assert 0.98 * proved <= shown <= proved
    sentence = browser.find_element("css selector", ".without").text
    assert sentence == "Without feature 7 and feature 9 it is not the top label; no fewer features do this."
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(
    "supporting", [None, [], [SupportingPoint(812, 0.25, (1, 0)), SupportingPoint(7, 1e-9, (0,) * 12)]]
)
def test_supporting_points_are_listed(browser, tmp_path, supporting):
    report = Report(LABELS, "logit_mean", None, 3)
    report.add(PointExplanation(0, None, [(1, 3.0)], [dogs(supporting=supporting)]))
    pages.open_page(browser, tmp_path, report.html("Supported", []))
    summaries = [each for each in browser.find_elements("css selector", "summary") if "support it" in each.text]
    assert len(summaries) == (supporting is not None)
    for summary in summaries:
        summary.click()
        text = summary.find_element("xpath", "..").text
        assert ("No training point supports it." in text) == (not supporting)
        if supporting:
            assert f"812 +0.250 dogs, {LABELS[0]}" in text and text.endswith("and 4 more")
    assert browser.get_log("browser") == []
