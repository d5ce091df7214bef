"""The drawing of made-up rooms, and of the project's own."""

from __future__ import annotations

from pathlib import Path

from absl.testing import absltest

from docs.tools import draw_architecture, import_graph

_ROOT = Path(__file__).parents[3]


class DrawArchitectureTest(absltest.TestCase):
    def test_floors_boxes_and_arrows(self):
        rooms = {
            "train": frozenset({"data", "foundations"}),
            "data": frozenset({"foundations"}),
            "foundations": frozenset[str](),
        }
        text = draw_architecture.mermaid(rooms, {"data": "from text to shards"})
        self.assertEqual(
            text,
            "flowchart TB\n"
            '  subgraph floor2[" "]\n    train_["<b>train</b>"]\n  end\n'
            '  subgraph floor1[" "]\n    data_["<b>data</b><br/>from text to shards"]\n  end\n'
            '  subgraph floor0[" "]\n    foundations_["<b>foundations</b>"]\n  end\n'
            "  data_ --> foundations_\n"
            "  train_ --> data_\n",
        )

    def test_what_nobody_imports_stands_on_top(self):
        rooms = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset[str](), "program": frozenset({"c"})}
        top = draw_architecture.mermaid(rooms, {}).split("  end\n")[0]
        self.assertIn("a_[", top)
        self.assertIn("program_[", top)

    def test_a_circle_fails(self):
        sources = {
            "mach_tf.data.one": "from mach_tf.data import two",
            "mach_tf.data.two": "from mach_tf.data import one",
        }
        with self.assertRaisesRegex(ValueError, "circle"):
            draw_architecture.draw(sources)

    def test_the_project_can_be_drawn(self):
        text = draw_architecture.draw(import_graph.read_sources(_ROOT))
        for room in ("foundations", "vocabulary", "data", "training", "api", "train", "explain"):
            self.assertIn(f"{room}_[", text)


if __name__ == "__main__":
    absltest.main()
