from __future__ import annotations

import gc
import os
import shutil
import weakref

import pytest

from mach_tf.errors import InputError
from mach_tf.serving.contents import FILE
from mach_tf.serving.service import versions as module
from mach_tf.serving.service.versions import Versions
from tests.helpers.waiting import until


def add(folder, number, content="whole"):
    (folder / str(number)).mkdir(exist_ok=True)
    (folder / str(number) / FILE).write_text(content)


class Loaded:
    def __init__(self, version):
        self.version = version
        self.ready = True
        self.closed = False
        self.restarts = 0

    def restart_if_ended(self):
        self.restarts += 1

    def close(self):
        self.closed = True


def load(directory, version):
    with open(os.path.join(directory, FILE)) as file:
        content = file.read()
    if content != "whole":
        raise InputError(f"{directory} is {content}")
    return Loaded(version)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "demo").mkdir()
    return tmp_path / "demo"


def test_the_newest_whole_version_is_served(folder):
    for number in (1, 9, 10):
        add(folder, number)
    add(folder, 11, "broken")
    (folder / "12").mkdir()  # still being written
    (folder / "notes").mkdir()
    versions = Versions(str(folder), load)
    assert (versions.name, versions.current.version, versions.failures) == ("demo", 10, 1)


def test_a_newer_version_takes_over_and_a_broken_one_does_not(folder):
    add(folder, 1)
    versions = Versions(str(folder), load)
    assert not versions.check()
    add(folder, 2, "broken")
    assert not versions.check()
    assert not versions.check()
    assert (versions.current.version, versions.failures) == (1, 1), "it is tried once"
    os.utime(folder / "2" / FILE, (1, 1))
    (folder / "2" / FILE).write_text("whole")
    assert versions.check()
    assert versions.current.version == 2
    add(folder, 3, "broken")
    add(folder, 4)
    assert versions.check()
    assert versions.current.version == 4


def test_it_is_watched_in_the_background(folder):
    add(folder, 1)
    versions = Versions(str(folder), load)
    versions.watch(0.01)
    add(folder, 2)
    until(lambda: versions.current.version == 2)
    versions.close()
    assert versions.current.version == 2


def test_the_current_version_is_restarted_even_if_the_folder_is_not_checked(folder, monkeypatch):
    monkeypatch.setattr(module, "_RESTART_SECONDS", 0.01)
    add(folder, 1)
    versions = Versions(str(folder), load)
    versions.watch(0)
    add(folder, 2)
    until(lambda: versions.current.restarts >= 3)
    versions.close()
    assert versions.current.version == 1


def test_a_folder_that_vanishes_keeps_the_version(folder):
    add(folder, 1)
    versions = Versions(str(folder), load)
    os.rename(folder, f"{folder}.gone")
    versions.watch(0.01)
    until(lambda: versions.failures > 0)
    versions.close()
    assert versions.current.version == 1


def test_a_folder_that_vanishes_is_logged_once(folder, caplog):
    add(folder, 1)
    versions = Versions(str(folder), load)
    os.rename(folder, f"{folder}.gone")
    versions.watch(0.01)
    until(lambda: versions.failures > 2)
    versions.close()
    assert caplog.text.count("cannot be read") == 1
    assert "Traceback" not in caplog.text


def test_a_version_is_tried_again_when_one_of_its_files_changes(folder):
    """A copy may bring servable.json first, and keep its time."""

    def whole(directory, version):
        if not os.path.exists(os.path.join(directory, "variables", "data")):
            raise InputError(f"{directory} is not whole")
        return load(directory, version)

    (folder / "1" / "variables").mkdir(parents=True)
    (folder / "1" / "variables" / "data").touch()
    add(folder, 1)
    versions = Versions(str(folder), whole)
    add(folder, 2)
    assert not versions.check()
    (folder / "2" / "variables").mkdir()
    (folder / "2" / "variables" / "data").touch()
    assert versions.check()
    assert (versions.current.version, versions.failures) == (2, 1)


def test_what_changes_while_a_version_is_loaded_is_tried_again(folder):
    add(folder, 1)
    tries = []

    def changed_meanwhile(directory, version):
        if version == 2 and not tries:
            tries.append(version)
            (folder / "2" / FILE).write_text("whole")
            raise InputError("truncated")
        return load(directory, version)

    versions = Versions(str(folder), changed_meanwhile)
    add(folder, 2, "truncated")
    assert not versions.check()
    assert versions.check()


def test_an_older_version_takes_over_when_the_folder_of_the_current_one_is_gone(folder):
    add(folder, 1)
    add(folder, 2)
    versions = Versions(str(folder), load)
    shutil.rmtree(folder / "2")
    assert versions.check()
    assert versions.current.version == 1
    shutil.rmtree(folder / "1")
    assert not versions.check()
    assert versions.current.version == 1, "none is left, and this one stays"
    add(folder, 3)
    assert versions.check()


@pytest.mark.parametrize("error", [ValueError("bad graph"), KeyError("x"), FileNotFoundError(2, "gone"), MemoryError()])
def test_whatever_a_version_fails_with_does_not_stop_the_service(folder, error):
    def failing(directory, version):
        if version > 1:
            raise error
        return load(directory, version)

    add(folder, 2)
    with pytest.raises(InputError, match=rf"must be a servable \({type(error).__name__}"):
        Versions(str(folder), failing)
    add(folder, 1)
    assert Versions(str(folder), failing).current.version == 1
    shutil.rmtree(folder / "2")
    versions = Versions(str(folder), failing)
    add(folder, 2)
    assert not versions.check()
    assert not versions.check()
    assert versions.failures == 1, "it is tried once"


def test_versions_may_be_links_and_have_zeros(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    add(tmp_path / "elsewhere", 7)
    os.symlink(tmp_path / "elsewhere" / "7", folder / "0007")
    loaded = []
    versions = Versions(str(folder), lambda directory, version: loaded.append(directory) or load(directory, version))
    assert (versions.current.version, loaded) == (7, [str(folder / "0007")])
    os.remove(folder / "0007")
    os.symlink(tmp_path / "nowhere", folder / "8")
    assert not versions.check()


def test_a_folder_that_cannot_hold_versions_is_named(folder, monkeypatch):
    with pytest.raises(InputError, match=r"must hold versions.*no such file"):
        Versions(str(folder / "nothing"), load)
    (folder / "file").touch()
    with pytest.raises(InputError, match=r"must hold versions.*not a directory"):
        Versions(str(folder / "file"), load)
    add(folder, 1)
    with pytest.raises(InputError, match=rf"it is a servable itself\. Give {folder}\."):
        Versions(str(folder / "1"), load)
    os.remove(folder / "1" / FILE)
    monkeypatch.setattr(os, "access", lambda path, mode: not path.endswith("1"))
    with pytest.raises(InputError, match="1 must be readable by this user"):
        Versions(str(folder), load)


def test_a_name_that_no_address_can_have_is_refused(tmp_path):
    (tmp_path / "{demo}").mkdir()
    with pytest.raises(InputError, match="name without braces"):
        Versions(str(tmp_path / "{demo}"), load)


def test_a_folder_without_a_version_is_refused(folder):
    with pytest.raises(InputError, match=r"must hold versions.*mach-export"):
        Versions(str(folder), load)
    (folder / "model.json").touch()
    with pytest.raises(InputError, match=rf"it is a model\. Export it: mach-export --model_dir={folder} "):
        Versions(str(folder), load)
    add(folder, 1, "broken")
    with pytest.raises(InputError, match="is broken"):
        Versions(str(folder), load)


def test_loads_and_failures_are_observed_from_the_start(folder):
    add(folder, 1)
    add(folder, 2, "broken")
    versions, seen = Versions(str(folder), load), []
    versions.observe(seen.append)
    add(folder, 3)
    versions.check()
    assert [seconds is None for seconds in seen] == [True, False, False]


def test_a_version_that_was_replaced_is_released_when_no_request_needs_it(folder):
    def load_model(directory, version):
        loaded = load(directory, version)
        loaded.circle = loaded
        models.append(weakref.ref(loaded))
        return loaded

    models = []
    add(folder, 1)
    versions = Versions(str(folder), load_model)
    gc.disable()
    try:
        request = versions.current
        add(folder, 2)
        versions.check()
        versions.release()
        assert models[0]() is not None, "a request needs it"
        del request

        def released():
            versions.release()
            return models[0]() is None

        # Again while another thread of this process collects: of two at a time Python does one.
        until(released)
        assert models[1]() is not None
    finally:
        gc.enable()


def test_a_version_that_is_not_ready_any_more_is_loaded_anew(folder):
    add(folder, 1)
    versions = Versions(str(folder), load)
    before = versions.current
    assert not versions.check()
    before.ready = False
    assert versions.check()
    assert versions.current is not before and versions.current.version == 1
    add(folder, 0)
    (folder / "1" / FILE).write_text("broken")
    versions.current.ready = False
    assert versions.check()
    assert versions.current.version == 0


def test_the_end_closes_the_current_version(folder):
    add(folder, 1)
    versions = Versions(str(folder), load)
    versions.close()
    assert versions.current.closed
