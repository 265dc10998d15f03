"""One run of one peer: its figures, or why there are none."""
from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import tempfile
import time

from . import building, machine
from .catalogue import PEERS, SERVER_METRICS

LIMIT_S = 30
WARM_UP_MS = 300
NOT_SUPPORTED = 64


class Failed(Exception):
    """A run that gave no figures. Without a reason the peer just does not do this."""


def fields(line):
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def reason(status, stderr):
    """A line that says how a process ended, with the part of its last words that tells most."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"rror|panick|alloc|killed|limit", line)] or lines
    how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    return ": ".join([how, *(line[:160] for line in telling[-1:])])


def environment_of(name):
    return {**os.environ, **PEERS[name].environment}


def run(name, workload, numbers, cores):
    """The figure that a peer prints, and which share of the time it had a processor."""
    command = [*building.command_of(name), workload, *map(str, numbers)]
    own, begin = machine.own_s(), time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, env=environment_of(name),
                              preexec_fn=machine.pinned(cores))
    except subprocess.TimeoutExpired:
        raise Failed(f"over {LIMIT_S} s")
    if done.returncode == NOT_SUPPORTED:
        raise Failed("")
    used = (machine.own_s() - own) / (time.monotonic() - begin)
    for line in done.stdout.splitlines():
        if line.startswith("workload="):
            found = fields(line)
            return float(found.get("ns_per_op") or found["bytes_per_task"]), min(1.0, used)
    raise Failed(reason(done.returncode, done.stderr))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(server, errors):
    readable, _, _ = select.select([server.stdout], [], [], LIMIT_S)
    if readable and server.stdout.readline().startswith("ready"):
        return
    if server.poll() is None and not readable:
        raise Failed("it never got ready")
    if server.wait() == NOT_SUPPORTED:
        raise Failed("")
    errors.seek(0)
    raise Failed(reason(server.returncode, errors.read()))


def serve(name, cell, seconds):
    """The figures of one server under load, and what others used of the cores meanwhile."""
    server_cores, client_core = machine.cores_of_server(cell.threads)
    port = free_port()
    command = [*building.command_of(name), cell.workload, str(port), str(cell.threads)]
    with tempfile.TemporaryFile("w+") as errors:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment_of(name),
                                  preexec_fn=machine.pinned(server_cores))
        try:
            wait_until_ready(server, errors)
            foreign, before = machine.Foreign({*server_cores, client_core}), machine.process_s(server.pid)
            found = load(cell, port, seconds, server, client_core)
            return found, foreign.share(machine.process_s(server.pid) - before)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


def load(cell, port, seconds, server, core):
    numbers = [port, cell.connections, round(seconds * 1000), WARM_UP_MS, server.pid, cell.idle]
    try:
        client = subprocess.run([building.LOAD, cell.workload, *map(str, numbers)], capture_output=True, text=True,
                                timeout=LIMIT_S + seconds, preexec_fn=machine.pinned([core]))
    except subprocess.TimeoutExpired:
        raise Failed("the client got no answers")
    found = fields(client.stdout)
    if client.returncode or not float(found.get("requests", 0)):
        raise Failed("the client: " + reason(client.returncode, client.stderr))
    return {metric: float(found[metric]) for metric in SERVER_METRICS}
