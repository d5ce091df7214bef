from __future__ import annotations

from mach_tf.data.conversion_bar import conversion_bar


def test_the_bar_counts_the_bytes_of_the_files_and_names_the_points(tmp_path, terminal, capsys):
    (tmp_path / "a").write_bytes(bytes(3000))
    path = str(tmp_path / "a")
    with conversion_bar([path, None, path], True) as advance:
        advance(5, 3000)
        advance(7, 3000)
    shown = capsys.readouterr().err
    assert "Preprocessing: 100%" in shown and "6.00k/6.00k" in shown and "12 points" in shown


def test_nothing_is_shown_unless_wanted(tmp_path, capsys):
    with conversion_bar([], False) as advance:
        advance(1, 1)
    assert capsys.readouterr().err == ""
