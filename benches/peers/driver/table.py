"""Results as text: each cell with all peers, best first, then a summary in Markdown of cede beside the best rival."""
from __future__ import annotations

from .catalogue import CELLS, PLOTTED_METRIC, SERVER_METRICS, SERVERS, row_of
from .results import is_floor, metric_of


def shown(value):
    """A figure with three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def rounds(meta):
    return f"{meta['rounds']} round" + ("" if meta["rounds"] == 1 else "s")


def print_table(results):
    for row, found in results["rows"].items():
        if row in CELLS:
            print_row(row, found)
    for cell in SERVERS:
        if row_of(cell, PLOTTED_METRIC) in results["rows"]:
            print_server(cell, {metric: results["rows"][row_of(cell, metric)] for metric in SERVER_METRICS})
    print_reasons("failed", {f"{cell} / {name}": why for cell, peers in results["failed"].items() for name, why in peers.items()})
    print_reasons("left out", results["left_out"])
    print_summary(results)
    meta = results["meta"]
    print(f"\n{rounds(meta)}, {meta['disturbed_dropped']} disturbed samples dropped; {meta['processor']}, "
          f"{meta['cores']} cores, Linux {meta['kernel']}; {meta['rustc']}; cede {meta['commit']}")


def name_of(name, row):
    return name + (" (floor)" if is_floor(name, metric_of(row)[0]) else "")


def beside_best(median, found):
    best = found["best"] and found["best"]["median"]
    return f"x{median / best:<8.2f}" if best else " " * 9


def late(peer):
    return "  DISTURBED" if peer["disturbed"] else ""


def print_row(row, found):
    print(f"\n## {row} ({found['unit']}{', noisy' if '2 cores' in row else ''})")
    for name, peer in found["peers"].items():
        spread = f"[{shown(peer['min'])} .. {shown(peer['max'])}] of {len(peer['samples'])}"
        median = peer["median"]
        print(f"  {name_of(name, row):18} {shown(median):>12}  {beside_best(median, found)} {spread}{late(peer)}")


def print_server(cell, rows):
    """All figures of a server stand in one line; the ratio is that of the first, its CPU time."""
    first = rows[PLOTTED_METRIC]
    noise = ", noisy" if "2 cores" in cell else ""
    titles = [f"{title}, {unit}" for title, unit, _ in SERVER_METRICS.values()]
    print(f"\n## {cell} ({'; '.join(titles)}{noise})")
    for name, peer in first["peers"].items():
        rest = "".join(f"{shown(rows[metric]['peers'][name]['median']):>10}" for metric in list(SERVER_METRICS)[1:])
        median, row = peer["median"], row_of(cell, PLOTTED_METRIC)
        count = len(peer["samples"])
        print(f"  {name_of(name, row):18} {shown(median):>12}  {beside_best(median, first)}{rest}  of {count}{late(peer)}")


def print_reasons(title, reasons):
    if reasons:
        print(f"\n## {title}")
        for what, why in reasons.items():
            print(f"  {what}: {why}")


def print_summary(results):
    """One line for each row that has cede in it. Ratios are below 1 where cede is ahead."""
    lines = [("", "unit", "cede", "best rival", "ratio", "best with stacks", "ratio", "floor", "ratio")]
    for row, found in results["rows"].items():
        if found["cede"] is None or found["less_is_better"] is None:
            continue
        others = [text for key in ("best", "best_with_stacks", "floor") for text in pair(found[key])]
        lines.append((row, found["unit"], shown(found["cede"]), *others))
    if len(lines) == 1:
        return
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    print("\n## cede beside the best rival (ratios below 1: cede is ahead)\n")
    for number, line in enumerate(lines):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def pair(other):
    if not other:
        return "", ""
    return f"{other['peer']} {shown(other['median'])}", "" if other["ratio"] is None else f"{other['ratio']:.2f}"
