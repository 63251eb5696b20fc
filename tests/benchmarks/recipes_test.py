#!/usr/bin/env python3
"""The comparison of recipes reads its tables, chooses by the mean over seeds and shows the spread."""
import pathlib
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "benchmarks" / "recipes"))
import trials  # noqa: E402


def row(trial, seed, knn, linear):
    return {"trial": trial, "seed": seed, "knn": knn, "linear": linear, "untrained_knn": 20.0,
            "untrained_linear": 30.0, "rankme": 40.0, "cosine": 0.5, "position_share": 0.1,
            "images": 1000, "seconds": 60.0}


class TrialsTest(unittest.TestCase):
    def table(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "table.toml"
            path.write_text(text)
            return trials.read_table(path)

    def test_trials_take_common_keys_and_change_them(self):
        config, found = self.table('config = "a.toml"\n[common]\n"optim.lr" = 1e-3\n"data.flip" = true\n'
                                   '[trial.first]\n[trial."second one"]\n"optim.lr" = 2e-3\n')
        self.assertEqual(config, "a.toml")
        self.assertEqual(found[0].options(), ["--set", "optim.lr=0.001", "--set", "data.flip=true"])
        self.assertEqual(found[1].options()[1], "optim.lr=0.002")
        self.assertEqual(found[1].options(**{"run.seed": 3})[-1], "run.seed=3")
        self.assertEqual(found[1].folder, "second_one")

    def test_a_table_of_something_else_is_refused(self):
        for text in ('config = "a.toml"\n', '[trial.a]\n', 'config = "a"\nseeds = 3\n[trial.a]\n'):
            with self.assertRaises(SystemExit):
                self.table(text)

    def test_the_shipped_tables_name_configurations_that_are_there(self):
        tables = sorted((SOURCE / "benchmarks" / "recipes").glob("*.toml"))
        self.assertTrue(tables)
        for path in tables:
            config, found = trials.read_table(path)
            self.assertTrue((SOURCE / config).exists(), path)
            self.assertEqual(len({trial.folder for trial in found}), len(found), path)

    def test_runs_are_whole_passes_nearest_to_the_time(self):
        self.assertEqual(trials.epochs_for(100, 0.1, 62), 16)
        self.assertEqual(trials.epochs_for(1, 1, 1000), 1)

    def test_the_best_is_that_of_the_mean_over_seeds(self):
        rows = [row("a", 0, 50, 50), row("a", 1, 30, 30), row("b", 0, 45, 41), row("b", 1, 44, 40)]
        self.assertEqual(trials.best(rows), "b")
        self.assertIn("| b | 2 | 44.5 +- 0.5 | 40.5 +- 0.5 | 20.0 / 30.0 |", trials.markdown(rows))


if __name__ == "__main__":
    unittest.main()
