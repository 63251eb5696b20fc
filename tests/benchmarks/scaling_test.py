#!/usr/bin/env python3
"""The scaling study's model finds again what made its data, predicts counts it has not seen, and the
picture shows every run. usage: scaling_test.py SOURCE_FOLDER"""
import dataclasses
import pathlib
import sys
import unittest
import xml.etree.ElementTree as ElementTree

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "benchmarks" / "scaling"))
import model  # noqa: E402
import plot  # noqa: E402

TRUE = model.Model(fixed=0.02, per_image=0.004, gradient_bytes=4e8, between=2e9, latency=2e-4,
                   overlap=0.4, buckets=8)


def runs_of(source, counts, images=(16, 64)):
    return [model.Measured(ranks, n, source.compute(n), source.exposed(ranks, n) if ranks > 1 else 0)
            for ranks in counts for n in images]


class ModelTest(unittest.TestCase):
    def test_wire_time_is_that_of_a_ring(self):
        gigabit_100 = dataclasses.replace(TRUE, gradient_bytes=1.26e9, between=12.5e9, latency=0)
        self.assertAlmostEqual(gigabit_100.wire(16), 0.189, places=3)  # 2 * 15/16 * 1.26 / 12.5
        self.assertEqual(gigabit_100.wire(1), 0)

    def test_ranks_of_a_node_share_its_link(self):
        nodes = dataclasses.replace(TRUE, inside=100e9, ranks_per_node=8, latency=0)
        inside = 2 * 7 / 8 * 4e8 / 100e9
        self.assertAlmostEqual(nodes.wire(8), inside)
        self.assertAlmostEqual(nodes.wire(16), inside + 2 * 1 / 2 * 4e8 / 2e9)

    def test_backward_hides_all_but_the_last_bucket(self):
        self.assertAlmostEqual(TRUE.exposed(2, 1000), TRUE.wire(2) / 8)
        self.assertAlmostEqual(TRUE.exposed(2, 0), TRUE.wire(2) - 0.4 * 0.02)

    def test_a_fit_of_small_counts_predicts_large_ones(self):
        fitted = model.fit(runs_of(TRUE, (1, 2, 4)), TRUE.gradient_bytes, TRUE.buckets)
        self.assertAlmostEqual(fitted.per_image, TRUE.per_image, places=6)
        for ranks, images in ((16, 16), (64, 32), (128, 64)):
            self.assertLess(abs(fitted.step(ranks, images) / TRUE.step(ranks, images) - 1), 0.1)

    def test_a_gradient_of_no_bytes_still_has_latency(self):
        fitted = model.fit([model.Measured(2, 8, 1.0, 0.1), model.Measured(1, 8, 1.0, 0)], 0)
        self.assertAlmostEqual(fitted.step(2, 8), 1.1)

    def test_one_batch_size_is_enough_for_a_proportional_fit(self):
        self.assertEqual(model.fit_compute(runs_of(TRUE, (1,), (16,)))[0], 0)
        with self.assertRaises(ValueError):
            model.fit(runs_of(TRUE, (1,)), 4e8)


    def test_a_fit_that_runs_cannot_carry_says_why(self):
        good = runs_of(TRUE, (1, 2, 4))
        self.assertEqual(model.doubts(good, model.fit(good, TRUE.gradient_bytes, TRUE.buckets)), [])
        flat = [model.Measured(r, n, 0.05, 0.01 if r > 1 else 0) for r in (1, 2) for n in (8, 16)]
        said = " ".join(model.doubts(flat, model.fit(flat, 4e8)))
        for part in ("images to cost nothing", "1 and 2 ranks cannot tell"):
            self.assertIn(part, said)
        one_batch = runs_of(TRUE, (1, 2, 4), (16,))
        self.assertIn("cannot be told apart",
                      " ".join(model.doubts(one_batch, model.fit(one_batch, 4e8))))
        free = [model.Measured(r, n, 0.01 * n, 0) for r in (1, 2, 4) for n in (8, 16)]
        self.assertIn("infinitely fast", " ".join(model.doubts(free, model.fit(free, 4e8))))


class PlotTest(unittest.TestCase):
    def test_shows_every_run(self):
        rows = [{"form": form, "ranks": ranks, "efficiency": 0.9, "compute": 0.8, "rank_wait": 0.15,
                 "data_wait": 0.05} for form in ("strong", "weak") for ranks in (1, 2, 4)]
        root = ElementTree.fromstring(plot.svg(rows, {"weak": [(1, 1.0), (128, 0.9)]}))
        tags = [element.tag.rpartition("}")[2] for element in root.iter()]
        self.assertEqual(tags.count("circle"), len(rows))
        self.assertEqual(tags.count("rect"), 1 + 3 * len(rows))
        self.assertIn("128", [element.text for element in root.iter()])


if __name__ == "__main__":
    unittest.main()
