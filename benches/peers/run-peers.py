#!/usr/bin/env python3
"""Builds and runs cede and its rivals on the same workloads, and prints medians and ratios.

    benches/peers/run-peers.py                        everything; about half an hour on a quiet machine
    benches/peers/run-peers.py --install              first get Go, Boost and the Python packages, where there is apt-get
    benches/peers/run-peers.py --rounds 3 --only 'gen|yield' --peers 'cede|tokio|may'
    benches/peers/run-peers.py --json >results.json   the same for programs; progress is on stderr
    benches/peers/run-peers.py --load results.json --plot
                                                      a table and a picture of what was measured before

What it builds goes to target/peers. Peers that can't be built here are named and left out. A run of everything draws
benches/peers/comparison.svg. See README.md beside this file.
"""
import argparse
import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True

from driver import building, catalogue, machine, plot, results, session, table

PICTURE = os.path.join(building.HERE, "comparison.svg")
LAST = os.path.join(building.TARGET, "results.json")


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each peer runs in each cell (5)")
    parser.add_argument("--only", default="", metavar="REGEX", help="only cells whose name has this in it")
    parser.add_argument("--peers", default="", metavar="REGEX", help="only peers whose whole name is this")
    parser.add_argument("--add", action="append", default=[], metavar="NAME=COMMAND", help="one more peer; repeatable")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--plot", nargs="?", const=PICTURE, metavar="FILE", help="draw the picture, whatever was measured")
    parser.add_argument("--load", metavar="FILE", help="show what --json printed before; measure nothing")
    parser.add_argument("--list", action="store_true", help="list cells and peers; measure nothing")
    parser.add_argument("--build", action="store_true", help="build; measure nothing")
    parser.add_argument("--install", action="store_true", help="install what Go, Boost and Python peers need")
    parser.add_argument("--run-ms", type=float, default=400, help="how long a run should take, where that can be chosen (400)")
    parser.add_argument("--seconds", type=float, default=2, help="how long a server is under load (2)")
    parser.add_argument("--quiet", type=float, default=20, help="seconds to wait for quiet cores before a run (20); 0: never")
    parser.add_argument("--retry", type=int, default=1, help="how often a disturbed run is repeated (1)")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so long, with what there is")
    return parser.parse_args()


def list_all():
    for name, cell in {**catalogue.CELLS, **catalogue.SERVERS}.items():
        print(f"{name:20} {' '.join(peer for peer, what in catalogue.PEERS.items() if what.does(cell.workload))}")


def chosen_peers(chosen):
    for added in chosen.add:
        name, command = added.split("=", 1)
        catalogue.PEERS[name] = catalogue.Peer("command", catalogue.RUST, ".*", tuple(command.split()))
    cells = [cell for name, cell in {**catalogue.CELLS, **catalogue.SERVERS}.items() if re.search(chosen.only, name)]
    if not cells:
        sys.exit(f"no cell has {chosen.only!r} in its name; --list shows them")
    names = [name for name, peer in catalogue.PEERS.items()
             if (not chosen.peers or re.fullmatch(chosen.peers, name)) and any(peer.does(cell.workload) for cell in cells)]
    return names or sys.exit(f"no peer is called {chosen.peers!r} and does this; --list shows them")


def measure(chosen):
    names = chosen_peers(chosen)
    left_out = building.build(names)
    names = [name for name in names if name not in left_out]
    machine.allow_many_files()
    meta = {"started": time.strftime("%F %T"), "rounds": chosen.rounds, **machine.description(), **building.versions()}
    played = session.Session(names, chosen)
    played.play()
    samples, marked = played.samples()
    is_whole = played.is_complete and not (chosen.only or chosen.peers)
    meta |= {"ended": time.strftime("%F %T"), "is_whole": is_whole, "disturbed_dropped": played.disturbed_dropped()}
    found = results.results_of(samples, marked, played.failed, left_out, meta)
    with open(LAST, "w") as last:
        json.dump(found, last, indent=1)
    return found


def main():
    if sys.platform != "linux":
        sys.exit("the measurements read /proc and pin processes to cores: they need Linux")
    chosen = options()
    if chosen.list:
        return list_all()
    if chosen.install:
        building.install()
    if chosen.build:
        return building.build(chosen_peers(chosen))
    if chosen.load:
        with open(chosen.load) as saved:
            found = json.load(saved)
    else:
        found = measure(chosen)
    if picture := chosen.plot or (PICTURE if found["meta"]["is_whole"] and not chosen.load else None):
        with open(picture, "w") as file:
            file.write(plot.draw(found))
        print(f"the picture is in {picture}", file=sys.stderr)
    if chosen.json:
        json.dump(found, sys.stdout, indent=1)
        print()
    else:
        table.print_table(found)


if __name__ == "__main__":
    main()
