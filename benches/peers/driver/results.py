"""Medians and ratios, and the form in which they are kept.

Results are one dictionary, which is what --json prints:

    meta     when, where and how it was measured
    rows     {row: {unit, less_is_better, peers, cede, best, best_with_stacks, floor}}
               peers {peer: {median, min, max, samples, disturbed}}, best first
               cede its median, or null
               best, best_with_stacks and floor {peer, median, ratio}, or null: ratio is cede's share of what the other needs,
               below 1 where cede is ahead
    failed   {cell: {peer: reason}}
    left_out {peer: reason}, those that were not built

A row is a cell, or one figure of a server.
"""
from __future__ import annotations

import statistics

from .catalogue import CELLS, PEERS, SERVER_METRICS, SERVERS, row_of

OURS_NAME = "cede"


def metric_of(row):
    """Workload, unit, and whether less is better."""
    if row in CELLS:
        return CELLS[row].workload, CELLS[row].unit, True
    for cell, server in SERVERS.items():
        for metric, (_, unit, less_is_better) in SERVER_METRICS.items():
            if row == row_of(cell, metric):
                return server.workload, unit, less_is_better
    raise KeyError(row)


def results_of(samples, marked, failed, left_out, meta):
    rows = {row: row_results(row, peers, {name for marked_row, name in marked if marked_row == row})
            for row, peers in samples.items()}
    failed = {cell: {name: why for name, why in peers.items() if why} for cell, peers in failed.items()}
    failed = {cell: peers for cell, peers in failed.items() if peers}
    return {"meta": meta, "rows": rows, "failed": failed, "left_out": left_out}


def row_results(row, peers, disturbed):
    workload, unit, less_is_better = metric_of(row)
    found = {name: {"median": statistics.median(values), "min": min(values), "max": max(values), "samples": values,
                    "disturbed": name in disturbed} for name, values in peers.items()}
    ranked = dict(sorted(found.items(), key=lambda item: item[1]["median"], reverse=less_is_better is False))
    out = {"unit": unit, "less_is_better": less_is_better, "peers": ranked}
    ours = ranked.get(OURS_NAME)
    out["cede"] = ours["median"] if ours else None
    rivals = [name for name in ranked if name != OURS_NAME and less_is_better is not None]
    floors = [name for name in rivals if is_floor(name, workload)]
    real = [name for name in rivals if name not in floors]
    with_stacks = [name for name in real if name in PEERS and PEERS[name].has_stacks]
    for key, names in (("best", real), ("best_with_stacks", with_stacks), ("floor", floors)):
        out[key] = beside(ours, names[0], ranked[names[0]], less_is_better) if names else None
    return out


def is_floor(name, workload):
    return name in PEERS and PEERS[name].is_floor(workload)


def beside(ours, name, other, less_is_better):
    pair = (ours["median"], other["median"]) if ours else (None, other["median"])
    if not less_is_better:
        pair = pair[::-1]
    ratio = pair[0] / pair[1] if ours and pair[1] else None
    return {"peer": name, "median": other["median"], "ratio": ratio}
