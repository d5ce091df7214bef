"""The page of the service in a browser: texts and points, keyboard, colours, narrow screens, hostile names, tokens and errors."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("uvicorn", reason="the service needs the extra serve")
from mach_tf.ensemble import Ensemble
from mach_tf.serving.exporting import export
from tests.helpers import pages, served, text_model

TEXT = "Quantum light, wave energy \u5149"
HOSTILE = "<img src=x onerror=document.title='owned'> </script><script>document.title='owned'</script> \x1b \u202elight"
NAMES = [f"<b>Subject</b> <script>document.title='owned'</script> {label}" for label in range(text_model.LABELS)]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """The address of a model of texts whose label names are hostile, and which has examples."""
    directory = tmp_path_factory.mktemp("page")
    model = Ensemble.load(text_model.write(directory / "model", names=NAMES))
    examples = text_model.write_records(directory / "examples.jsonl", [{"title": HOSTILE, "content": "matter"}])
    export(model, directory / "texts" / "1", examples=examples)
    with served.serving(directory / "texts") as address:
        yield address


@pytest.fixture(scope="module")
def folder(evaluated, tmp_path_factory):
    """The servable of a model of points with the estimator mean, which explains nothing; its features have names."""
    directory = tmp_path_factory.mktemp("page")
    model = Ensemble.load(evaluated.model_dir)
    (directory / "names.txt").write_text("".join(f"feature of {i}\n" for i in range(model.manifest.features)))
    export(model, directory / "points" / "1", estimator="mean", feature_names=str(directory / "names.txt"))
    return directory / "points"


@pytest.fixture(scope="module")
def points(folder):
    """The address of that servable, behind a token."""
    with served.serving(folder, token="s3cret") as address:
        yield address


def visit(browser, address, width=1200, colours="light"):
    pages.set_screen(browser, width, colours)
    browser.get(address)
    browser.execute_script("sessionStorage.clear()")
    browser.get(address)
    wait(browser, lambda: message(browser) or ready(browser))


def ready(browser):
    return browser.execute_script("return document.documentElement.dataset.ready") == "true"


def wait(browser, condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, (message(browser), browser.get_log("browser"))
        time.sleep(0.02)


def find(browser, selector):
    return browser.find_element("css selector", selector)


def all_of(browser, selector):
    return browser.find_elements("css selector", selector)


def message(browser):
    return find(browser, "#message").text


def type_in(browser, *contents):
    for place, text in enumerate(contents):
        area = find(browser, f"#field-{place}")
        area.clear()
        area.send_keys(text)


def suggest(browser):
    """Presses the button and waits for the labels and for the attack."""
    find(browser, "#ask").click()
    wait(browser, lambda: "The best is" in message(browser) and all_of(browser, "#attacked table, #attacked .bad"))


def test_a_typed_text_has_labels_words_and_an_attack(browser, texts):
    visit(browser, texts)
    type_in(browser, TEXT, "matter")
    suggest(browser)
    assert len(all_of(browser, "#labels button")) == 5
    assert all_of(browser, "#labels button[aria-pressed=true] .name")[0].text == find(browser, "#why-title").text[4:]
    coloured = {kind: all_of(browser, f"#text .text .word.{kind}") for kind in ("for", "against")}
    assert {word.text for words in coloured.values() for word in words} <= {*TEXT.replace(",", "").split(), "matter"}
    lines = {
        kind: {word.value_of_css_property("border-bottom-style") for word in words} for kind, words in coloured.items()
    }
    assert lines == {"for": {"solid"}, "against": {"dashed"}}
    before = [word.text for word in coloured["for"]]
    all_of(browser, "#labels button")[4].click()
    assert [word.text for word in all_of(browser, "#text .text .word.for")] != before, "another label has other words"
    assert len(all_of(browser, "#attacked tbody tr")) >= 5
    epsilon = find(browser, "#epsilon")
    epsilon.clear()
    epsilon.send_keys("2\n")
    wait(browser, lambda: "epsilon 2 " in find(browser, "#attacked").text)
    kinds = {row.text.split()[-1] for row in all_of(browser, "#attacked tbody tr")}
    assert {"leaves", "enters"} <= kinds <= {"leaves", "enters", "stays"}
    assert browser.get_log("browser") == []


def test_a_text_of_unknown_words_is_told(browser, texts):
    visit(browser, texts)
    type_in(browser, "zyzzyva")
    suggest(browser)
    assert message(browser).endswith("But the model knows no word of this text: any such text gets these labels.")
    type_in(browser, TEXT)
    suggest(browser)
    assert "knows no word" not in message(browser)


def test_hostile_texts_and_names_stay_text(browser, texts):
    visit(browser, texts)
    (example,) = all_of(browser, "#examples button")
    example.click()
    wait(browser, lambda: all_of(browser, "#attacked table"))
    shown = all_of(browser, "#text .text p")
    assert shown[0].text == HOSTILE.replace("\x1b", "\u241b").replace("\u202e", "<U+202E>")
    assert all_of(browser, "#labels .name")[0].text in NAMES
    assert browser.title == "texts"
    assert all_of(browser, "img, main script, main b") == []
    assert browser.get_log("browser") == []


def test_the_keyboard_reaches_all_in_order(browser, texts):
    from selenium.webdriver.common.keys import Keys

    visit(browser, texts)
    type_in(browser, TEXT)
    find(browser, "#field-0").send_keys(Keys.CONTROL, Keys.ENTER)
    wait(browser, lambda: all_of(browser, "#attacked table"))
    reached = []
    for _ in range(14):
        active = browser.switch_to.active_element
        reached.append(active.get_attribute("id") or active.get_attribute("class") or active.tag_name)
        active.send_keys(Keys.TAB)
    assert reached[:4] == ["field-0", "field-1", "button", "ask"] and reached[4] == "k"
    assert reached[5:10] == ["button"] * 5, "the labels"
    assert reached[10].startswith("word ") and reached[11:13] == ["epsilon", "button"]
    assert {area.accessible_name for area in all_of(browser, "textarea, input")} == {
        "title",
        "content",
        "Labels",
        "Epsilon",
        "",
    }


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_it_is_legible_and_fits_on_a_phone(browser, texts, colours, width):
    visit(browser, texts, width, colours)
    type_in(browser, "light " + "x" * 300, "matter")
    suggest(browser)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    dark = browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 28)"
    assert dark == (colours == "dark")
    poor = [
        (text, ink, paper) for text, ink, paper in pages.colours_of_texts(browser) if pages.contrast(ink, paper) < 4.5
    ]
    assert poor == []


def test_a_token_is_asked_for_and_kept_for_the_tab(browser, points):
    visit(browser, points)
    assert message(browser) == "The service asks for its token." and not find(browser, "#form").is_displayed()
    find(browser, "#token").send_keys("wrong\n")
    wait(browser, lambda: "does not accept" in message(browser))
    find(browser, "#token").send_keys("s3cret\n")
    wait(browser, lambda: ready(browser))
    assert not find(browser, "#unlock").is_displayed()
    kept = browser.execute_script("return [Object.values(sessionStorage), localStorage.length, document.cookie]")
    assert kept == [["s3cret"], 0, ""]
    browser.refresh()
    wait(browser, lambda: ready(browser))


def test_points_are_given_by_id_or_name_and_errors_are_words(browser, points):
    visit(browser, points)
    find(browser, "#token").send_keys("s3cret\n")
    wait(browser, lambda: ready(browser))
    answers = []
    for point in ("3:0.5 7:1", "3:0.5\n7:1", "feature of 3: 0.5\nfeature of 7:1"):
        type_in(browser, point)
        suggest(browser)
        answers.append(find(browser, "#labels").text)
        browser.execute_script("document.getElementById('attacked').replaceChildren()")
    assert len(set(answers)) == 1
    assert find(browser, "#unexplained").is_displayed() and not find(browser, "#why").is_displayed()
    for point, problem in (
        ("3:0.5 7", "Line 1 must be id:value or name:value"),
        ("60:1", "point 0: feature_ids must be in [0, 60) (got 60)"),
        ("cat: 1", "point 0: this model has no feature with the name 'cat'."),
        ("3:1e", "Line 1 must be|A value must be a number (got 1e)."),
    ):
        type_in(browser, point)
        find(browser, "#ask").click()
        wait(browser, lambda: all_of(browser, "#message.bad"))
        assert any(part in message(browser) for part in problem.split("|"))
        browser.execute_script("say('')")


def test_a_service_that_is_gone_is_told(browser, folder):
    with served.serving(folder) as address:
        visit(browser, address)
        wait(browser, lambda: ready(browser))
    type_in(browser, "3:1")
    find(browser, "#ask").click()
    wait(browser, lambda: all_of(browser, "#message.bad"))
    assert message(browser).startswith("The service cannot be reached.")
    browser.get_log("browser")


def test_features_without_names_are_given_by_id(browser, evaluated, tmp_path):
    export(Ensemble.load(evaluated.model_dir), tmp_path / "points" / "1")
    with served.serving(tmp_path / "points") as address:
        visit(browser, address)
        assert "one per line, as id:value: the model" in find(browser, "#lead").text
        type_in(browser, "3:0.5\nfeature: 1")
        find(browser, "#ask").click()
        wait(browser, lambda: message(browser) == 'A feature must be id:value (got "feature:").')
        type_in(browser, "3:0.5\n7:1")
        suggest(browser)
