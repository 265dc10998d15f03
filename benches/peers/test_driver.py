"""Tests of what the driver computes and draws: `python3 -m unittest discover benches/peers`. They measure nothing."""
import argparse
import sys
import unittest
import xml.etree.ElementTree as xml
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

sys.dont_write_bytecode = True

from driver import building, catalogue, machine, plot, results, running, session, table

META = {"started": "2000-01-01 00:00:00", "rounds": 1, "processor": "P", "cores": 2, "kernel": "6", "rustc": "r",
        "commit": "c", "disturbed_dropped": 0}


def results_of(samples, failed=None):
    return results.results_of(samples, [], failed or {}, {}, META)


class Ratios(unittest.TestCase):
    def test_they_are_of_medians_to_the_best_rival_that_is_no_floor(self):
        row = results_of({"gen": {"cede": [4.0, 2.0, 3.0], "floor": [1.0], "genawaiter-rc": [1.5], "boost": [6.0]}})["rows"]["gen"]
        self.assertEqual(row["cede"], 3.0)
        self.assertEqual(row["best"], {"peer": "genawaiter-rc", "median": 1.5, "ratio": 2.0})
        self.assertEqual(row["best_with_stacks"], {"peer": "boost", "median": 6.0, "ratio": 0.5})
        self.assertEqual(row["floor"], {"peer": "floor", "median": 1.0, "ratio": 3.0})
        self.assertEqual(list(row["peers"]), ["floor", "genawaiter-rc", "cede", "boost"])

    def test_a_bare_switch_is_a_floor_of_yields_and_a_rival_elsewhere(self):
        rows = results_of({"gen": {"corosensei": [1.0]}, "yield 100": {"corosensei": [1.0]}})["rows"]
        self.assertEqual(rows["gen"]["best"]["peer"], "corosensei")
        self.assertIsNone(rows["yield 100"]["best"])

    def test_below_one_is_ahead_where_more_is_better_too(self):
        name = catalogue.row_of("echo 64", "requests_per_s")
        row = results_of({name: {"cede": [200.0], "tokio": [100.0], "smol": [50.0]}})["rows"][name]
        self.assertEqual(row["best"], {"peer": "tokio", "median": 100.0, "ratio": 0.5})

    def test_peers_that_do_not_do_a_workload_have_not_failed(self):
        failed = results_of({}, {"spawn": {"boost": "", "may": "it fell over"}, "gen": {"go": ""}})["failed"]
        self.assertEqual(failed, {"spawn": {"may": "it fell over"}})


class Sessions(unittest.TestCase):
    def play(self, runs, foreign, cell="pingpong", names=("cede",), rounds=1):
        """Plays with a `running.run` and shares of the cores that are made up."""
        options = argparse.Namespace(rounds=rounds, only=f"^{cell}$", minutes=1, run_ms=100, retry=1, quiet=0)
        played = session.Session(list(names), options)
        with patch.object(running, "run", runs), patch.object(machine, "cores_for", lambda *_: [0]), \
                patch.object(machine.Foreign, "share", lambda *_: next(foreign)), redirect_stderr(StringIO()):
            played.play()
        return played

    def test_a_run_is_made_as_long_as_it_should_be(self):
        asked = []
        self.play(lambda _name, _workload, numbers, _cores: asked.append(numbers[0]) or (10.0, 1.0), iter([0.0]))
        self.assertEqual(asked[0], catalogue.CELLS["pingpong"].units_min)
        self.assertEqual(asked[-1], 10_000_000)

    def test_a_disturbed_run_is_repeated_and_does_not_count(self):
        values = iter([50.0, 50.0, 60.0, 70.0])
        played = self.play(lambda *_: (next(values), 0.5), iter([0.9, 0.0]))
        samples, marked = played.samples()
        self.assertEqual((samples, marked), ({"pingpong": {"cede": [70.0]}}, []))

    def test_a_disturbed_sample_counts_where_there_is_no_other_and_is_marked(self):
        values = iter([50.0, 50.0, 60.0, 70.0])
        samples, marked = self.play(lambda *_: (next(values), 0.5), iter([0.9, 0.9])).samples()
        self.assertEqual((samples, marked), ({"pingpong": {"cede": [35.0]}}, [("pingpong", "cede")]))

    def test_a_peer_that_fails_is_not_asked_again(self):
        asked = []

        def fail(*_):
            asked.append(1)
            raise running.Failed("no")

        played = self.play(fail, iter([]), rounds=3)
        self.assertEqual((len(asked), played.failed), (1, {"pingpong": {"cede": "no"}}))


class Outputs(unittest.TestCase):
    SAMPLES = {
        "gen": {"cede": [4.0], "tokio": [1000.0]},
        "spawn": {"cede": [100.0], "tokio": [250.0]},
        catalogue.row_of("echo 64", "client_busy"): {"cede": [0.5], "tokio": [0.5]},
        **{catalogue.row_of("echo 64", metric): {"cede": [100.0], "tokio": [200.0]}
           for metric in ("server_cpu_ns", "server_user_ns", "requests_per_s", "p50_us", "p99_us")},
    }

    def test_a_picture_is_well_formed_and_has_a_bar_for_each_figure(self):
        picture = xml.fromstring(plot.draw(results_of(self.SAMPLES, {"spawn": {"may": "x" * 99 + "<&"}})))
        texts = ["".join(text.itertext()) for text in picture.iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual(len(list(picture.iter("{http://www.w3.org/2000/svg}rect"))), 1 + len(plot.LEGEND) + 6)
        for wanted in ("1,000 (250×)", "250 (2.5×)", "fails: may", "nanoseconds, logarithmic"):
            self.assertIn(wanted, texts)

    def test_bars_grow_with_the_figures_and_fill_the_width(self):
        for multiples in ([0.5, 1.0, 3.0], [0.04, 1.0, 30.0], [1.0], [1.0, 1e6]):
            scale = plot.Scale(multiples)
            lengths = [scale.at(multiple) for multiple in multiples]
            self.assertEqual(lengths, sorted(lengths))
            self.assertGreater(lengths[0], 0)
            self.assertAlmostEqual(lengths[-1], plot.BAR_WIDTH)
            self.assertTrue(all(0 <= scale.at(line) <= plot.BAR_WIDTH + 0.001 for line in scale.lines[1:]))

    def test_a_table_shows_all_and_sums_up(self):
        with redirect_stdout(StringIO()) as out:
            table.print_table(results_of(self.SAMPLES))
        self.assertRegex(out.getvalue(), r"\| spawn +\| ns +\| 100 +\| tokio 250 +\| 0.40 ")
        self.assertRegex(out.getvalue(), r"(?m)^## echo 64 \(server CPU, ns; ")

    def test_a_figure_of_nothing_is_shown_and_has_no_ratio(self):
        found = results_of({"gen": {"cede": [4.0], "tokio": [0.0]}, "spawn": {"tokio": [0.0]}})
        self.assertIsNone(found["rows"]["gen"]["best"]["ratio"])
        with redirect_stdout(StringIO()) as out:
            table.print_table(found)
        self.assertIn("tokio 0.00", out.getvalue())
        xml.fromstring(plot.draw(found))

    def test_every_peer_can_be_called_and_every_cell_has_ours(self):
        for name in catalogue.PEERS:
            self.assertTrue(building.command_of(name))
        for cell in {**catalogue.CELLS, **catalogue.SERVERS}.values():
            self.assertTrue(catalogue.PEERS["cede"].does(cell.workload))


if __name__ == "__main__":
    unittest.main()
