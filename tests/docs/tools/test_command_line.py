"""The command-line reference: its text, and what it reads from a real program."""

from __future__ import annotations

from absl.testing import absltest

from docs.tools import command_line
from docs.tools.command_line import Flag, Program


class CommandLineTest(absltest.TestCase):
    def test_programs_are_those_of_the_console_scripts(self):
        setup = 'console_scripts": ["mach-train = train.main:run", "mach-eval = eval.main:run"]'
        found = command_line.programs(setup)
        self.assertEqual(
            found,
            {"train.main": "mach-train", "eval.main": "mach-eval", "preprocess.demo_data": None, "serve.ask": None},
        )

    def test_section(self):
        flags = [
            Flag("model_dir", "string", None, True, "Directory | folder of the model."),
            Flag("mode", "one of `a`, `b`", "a", False, "How, from <x> to y*."),
        ]
        text = command_line.section(
            Program("train.main", "mach-train", "Trains.\n\n    run it\n      so\n\nMore.", flags)
        )
        self.assertEqual(
            text,
            "## train.main\n\n`python -m train.main`, or `mach-train`.\n\n"
            "Trains.\n\n```console\nrun it\n  so\n```\n\nMore.\n\n"
            "| flag | value | default | meaning |\n|---|---|---|---|\n"
            "| `--model_dir` | string | required | Directory \\| folder of the model. |\n"
            "| `--mode` | one of `a`, `b` | `a` | How, from \\<x> to y\\*. |\n",
        )

    def test_reads_a_program(self):
        program = command_line.read("preprocess.to_tfrecord", "mach-preprocess")
        flags = {flag.name: flag for flag in program.flags}
        self.assertIn("dataset", program.docstring)
        self.assertTrue(flags["output_dir"].required)
        self.assertEqual(flags["feature_norm"].kind, "one of `l2`, `none`")
        self.assertFalse(flags["feature_norm"].help.startswith("<"))
        self.assertEqual((flags["overwrite"].kind, flags["overwrite"].default), ("yes or no", "false"))
        self.assertEqual(flags["hash_seed"].default, "0")
        self.assertIsNone(flags["train"].default)

    def test_a_program_that_cannot_be_imported_is_named(self):
        with self.assertRaisesRegex(ValueError, "train.nothing must be importable"):
            command_line.read("train.nothing", None)


if __name__ == "__main__":
    absltest.main()
