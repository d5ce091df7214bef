"""The import graph of made-up sources, and of the project's own."""

from __future__ import annotations

from pathlib import Path

from absl.testing import absltest, parameterized

from docs.tools import import_graph

_ROOT = Path(__file__).parents[3]


def _graph(**edges: str) -> import_graph.Graph:
    return {node: frozenset(others.split()) for node, others in edges.items()}


class ModuleGraphTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("module", "import mach_tf.data.records", {"mach_tf.data.records"}),
        ("renamed", "import mach_tf.data.records as r", {"mach_tf.data.records"}),
        ("from_package", "from mach_tf.data import records, shards", {"mach_tf.data.records", "mach_tf.data.shards"}),
        ("name_of_module", "from mach_tf.data.records import batches", {"mach_tf.data.records"}),
        ("name_of_package", "from mach_tf.data import SPLITS", {"mach_tf.data"}),
        ("fact_about_package", "from mach_tf import __version__", set()),
        ("others", "import numpy as np\nfrom tensorflow import keras", set()),
        ("late", "def f():\n  from mach_tf import errors", {"mach_tf.errors"}),
        ("for_types", "if TYPE_CHECKING:\n  from mach_tf.errors import InputError", {"mach_tf.errors"}),
        (
            "relative",
            "from . import shards\nfrom ..errors import InputError",
            {"mach_tf.data.shards", "mach_tf.errors"},
        ),
    )
    def test_finds_every_kind_of_import(self, source, expected):
        names = ("mach_tf", "mach_tf.errors", "mach_tf.data", "mach_tf.data.records", "mach_tf.data.shards")
        sources = {**dict.fromkeys(names, ""), "mach_tf.data.one": source}
        self.assertEqual(import_graph.module_graph(sources)["mach_tf.data.one"], expected)

    def test_relative_import_in_a_package_starts_from_the_package(self):
        sources = {"mach_tf.data": "from .records import batches", "mach_tf.data.records": ""}
        self.assertEqual(import_graph.module_graph(sources)["mach_tf.data"], {"mach_tf.data.records"})


class RoomsTest(parameterized.TestCase):
    @parameterized.parameters(
        ("mach_tf", "api"),
        ("mach_tf.ensemble", "api"),
        ("mach_tf.hashing", "vocabulary"),
        ("mach_tf.data.records", "data"),
        ("mach_tf.training.optimizers.laprop", "training"),
        ("train.main", "train"),
    )
    def test_room_of(self, module, room):
        self.assertEqual(import_graph.room_of(module), room)

    def test_a_root_module_without_a_room_is_refused(self):
        with self.assertRaisesRegex(ValueError, "mach_tf.surprise must belong to a room"):
            import_graph.room_of("mach_tf.surprise")

    def test_rooms_import_what_their_modules_import(self):
        modules = {
            "mach_tf.data": frozenset[str](),
            "mach_tf.data.records": frozenset({"mach_tf.errors", "mach_tf.data"}),
            "mach_tf.errors": frozenset[str](),
            "train.main": frozenset({"mach_tf.data.records"}),
        }
        expected = _graph(data="foundations", foundations="", train="data")
        self.assertEqual(import_graph.room_graph(modules), expected)


class GraphTest(absltest.TestCase):
    def test_find_circle(self):
        self.assertEmpty(import_graph.find_circle(_graph(a="b c", b="c", c="")))
        circle = import_graph.find_circle(_graph(a="b", b="c", c="a d", d=""))
        self.assertCountEqual(circle, ["a", "b", "c"])
        graph = _graph(a="b", b="c", c="a d", d="")
        for node, following in zip(circle, [*circle[1:], circle[0]]):
            self.assertIn(following, graph[node])

    def test_floors_stand_one_above_what_they_import(self):
        graph = _graph(top="middle bottom", side="bottom", middle="bottom", bottom="")
        self.assertEqual(import_graph.floors(graph), [["bottom"], ["middle", "side"], ["top"]])

    def test_floors_refuse_a_circle(self):
        with self.assertRaisesRegex(ValueError, "must not go in a circle"):
            import_graph.floors(_graph(a="b", b="a"))

    def test_transitive_edges_are_left_out(self):
        graph = _graph(a="b c d", b="c", c="d", d="")
        self.assertEqual(import_graph.without_transitive_edges(graph), _graph(a="b", b="c", c="d", d=""))


class ProjectTest(absltest.TestCase):
    def test_no_circle_among_modules_or_rooms(self):
        modules = import_graph.module_graph(import_graph.read_sources(_ROOT))
        self.assertEmpty(import_graph.find_circle(modules))
        self.assertEmpty(import_graph.find_circle(import_graph.room_graph(modules)))

    def test_the_library_imports_no_program(self):
        for module, imported in import_graph.module_graph(import_graph.read_sources(_ROOT)).items():
            if module.partition(".")[0] == import_graph.LIBRARY:
                outside = {name for name in imported if name.partition(".")[0] != import_graph.LIBRARY}
                self.assertEmpty(outside, module)


if __name__ == "__main__":
    absltest.main()
