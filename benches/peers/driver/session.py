"""Rounds of runs, interleaved, of which those samples are kept that nothing disturbed.

In each round every peer runs once in every cell, so that what changes slowly (heat, other guests) meets all alike; who comes
first changes from round to round. A run that others disturbed is repeated. What is disturbed all the same counts only for a
peer that has no better sample in that cell, and is marked.
"""
from __future__ import annotations

import re
import sys
import time

from . import machine, running
from .catalogue import BYTES, CELLS, PEERS, SERVER_METRICS, SERVERS, row_of
from .running import Failed

UNITS_MAX = 10_000_000_000


class Stopped(Exception):
    """The time that the user gave is over."""


class Session:
    def __init__(self, names, options):
        self.names, self.options = names, options
        self.clean, self.disturbed, self.failed = {}, {}, {}
        self.units = {}  # (cell, peer): how many to do in one run
        self.end = time.monotonic() + options.minutes * 60
        self.is_complete = False

    def play(self):
        """All rounds, or as many as there is time for and the user has patience for."""
        try:
            for number in range(self.options.rounds):
                turn = number % max(1, len(self.names))
                self.round(number, self.names[turn:] + self.names[:turn])
            self.is_complete = True
        except (KeyboardInterrupt, Stopped):
            print("stopped early", file=sys.stderr)

    def round(self, number, names):
        for cells, measure in ((CELLS, self.measure), (SERVERS, self.measure_server)):
            for cell_name, cell in cells.items():
                if not re.search(self.options.only, cell_name) or number >= getattr(cell, "rounds_max", number + 1):
                    continue
                for name in names:
                    if self.takes_part(cell_name, cell, name):
                        self.progress = f"round {number + 1}  {cell_name}  {name}"
                        self.attempt(measure, cell_name, cell, name)

    def takes_part(self, cell_name, cell, name):
        if not PEERS[name].does(cell.workload) or name in self.failed.get(cell_name, {}):
            return False
        if cell.leaves_out(name):
            self.failed.setdefault(cell_name, {})[name] = "takes too long"
            return False
        return True

    def attempt(self, measure, cell_name, cell, name):
        if time.monotonic() > self.end:
            raise Stopped
        try:
            if cell.cores > len(machine.CORES):
                raise Failed(f"needs {cell.cores} cores")
            if getattr(cell, "memory_min", 0) > machine.memory_free():
                raise Failed(f"needs {cell.memory_min >> 30} GiB of free memory")
            measure(cell_name, cell, name)
        except Failed as failed:
            self.failed.setdefault(cell_name, {})[name] = str(failed)
            if str(failed):
                self.say(str(failed))

    def say(self, what):
        print(f"{self.progress}: {what}", file=sys.stderr, flush=True)

    def note(self, row, name, value, is_clean):
        kept = self.clean if is_clean else self.disturbed
        kept.setdefault(row, {}).setdefault(name, []).append(value)

    def measure(self, cell_name, cell, name):
        numbers = cell.numbers
        if callable(numbers):
            key = (cell_name, name)
            if key not in self.units:
                self.units[key] = self.find_units(cell, name)
            numbers = numbers(self.units[key])
        for _ in range(self.options.retry + 1):
            cores = machine.cores_for(cell.cores, self.options.quiet)
            foreign = machine.Foreign(cores)
            value, had = running.run(name, cell.workload, numbers, cores)
            share = foreign.share()
            is_clean = share < machine.FOREIGN_MAX or cell.unit == BYTES  # others do not change what it keeps in memory
            if is_clean:
                break
        if not is_clean and cell.cores == 1 and cell.workload != "timers":
            value *= had  # as if the clock, which `timers` does not use, had stood while others had the core
        self.note(cell_name, name, value, is_clean)
        self.say(f"{value:.2f} {cell.unit}" + ("" if is_clean else f", disturbed: others used {share:.2f} of a core"))

    def find_units(self, cell, name):
        """How many units take about as long as one run should: tries with more and more."""
        wanted_ns, units = self.options.run_ms * 1e6, cell.units_min
        while True:
            cores = machine.cores_for(cell.cores, 0)
            value, _ = running.run(name, cell.workload, cell.numbers(units), cores)
            better = int(min(wanted_ns / max(value, 1e-3), UNITS_MAX))
            if better <= units * 4:
                return max(better, cell.units_min)
            units = min(better, units * 30)

    def measure_server(self, cell_name, cell, name):
        for _ in range(self.options.retry + 1):
            machine.cores_for(min(2, len(machine.CORES)), self.options.quiet)
            found, share = running.serve(name, cell, self.options.seconds)
            is_clean = share < machine.FOREIGN_MAX
            if is_clean:
                break
        for metric, value in found.items():
            self.note(row_of(cell_name, metric), name, value, is_clean)
        shown = ", ".join(f"{SERVER_METRICS[metric][0]} {value:,.2f}" for metric, value in found.items())
        self.say(shown + ("" if is_clean else f", disturbed: others used {share:.2f} of a core"))

    def samples(self):
        """What counts: {row: {peer: samples}}, and the rows and peers that have only disturbed ones."""
        rows = {row: dict(peers) for row, peers in self.clean.items()}
        marked = []
        for row, peers in self.disturbed.items():
            for name, values in peers.items():
                if name not in rows.setdefault(row, {}):
                    rows[row][name] = values
                    marked.append((row, name))
        return {row: rows[row] for row in all_rows() if row in rows}, marked

    def disturbed_dropped(self):
        return sum(len(v) for row, peers in self.disturbed.items() for name, v in peers.items() if name in self.clean.get(row, {}))


def all_rows():
    """In the order in which they are shown."""
    return [*CELLS, *(row_of(cell, metric) for cell in SERVERS for metric in SERVER_METRICS)]
