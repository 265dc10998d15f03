"""Which peers there are, and what they are asked to do.

A peer is a command that is called with a workload and numbers; ../src/lib.rs says what they mean. A cell is one workload with
its numbers; in a round each peer that does the workload runs once in each cell.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Callable

OURS, FLOOR, RUST, OTHER = "ours", "floor", "rust", "other"

GENERATORS = "gen|gennew"
SKEW = "skew"
TASKS = "yield|spawn|pingpong|skynet|idle|timers|echo"


@dataclass(frozen=True)
class Peer:
    """`made_by` is what building.py makes it with: cargo PACKAGE BINARY, go, boost, or python and the modules it imports."""

    made_by: str
    kind: str
    workloads: str
    arguments: tuple = ()
    environment: dict = field(default_factory=dict)
    has_stacks: bool = False  # it suspends whole stacks, as cede does, and not state machines
    floor_of: str = "(?!)"  # it is no rival in these workloads but the least that one could do

    def does(self, workload):
        return re.fullmatch(self.workloads, workload) is not None

    def is_floor(self, workload):
        return self.kind == FLOOR or re.fullmatch(self.floor_of, workload) is not None


PEERS = {
    "cede": Peer("cargo cede-peer cede", OURS, f"{GENERATORS}|{TASKS}|{SKEW}|http"),
    "floor": Peer("cargo peers floor", FLOOR, f"{GENERATORS}|{SKEW}|idle|timers|echo|http"),
    "corosensei": Peer("cargo rivals corosensei", RUST, f"{GENERATORS}|yield", has_stacks=True, floor_of="yield"),
    "generator-rs": Peer("cargo rivals generator_rs", RUST, GENERATORS, has_stacks=True),
    "genawaiter-rc": Peer("cargo rivals genawaiter_rc", RUST, GENERATORS),
    "genawaiter-stack": Peer("cargo rivals genawaiter_stack", RUST, GENERATORS),
    "may": Peer("cargo rivals may", RUST, f"{TASKS}|{SKEW}", has_stacks=True),
    "may-mpsc": Peer("cargo rivals may", RUST, "pingpong", environment={"PEER_MAY_MPSC": "1"}, has_stacks=True),
    "may_minihttp": Peer("cargo minihttp minihttp", RUST, "http", has_stacks=True),
    "tokio": Peer("cargo rivals tokio", RUST, f"{TASKS}|{SKEW}|http"),
    "smol": Peer("cargo rivals smol", RUST, f"{TASKS}|{SKEW}"),
    "go": Peer("go", OTHER, f"{GENERATORS}|{TASKS}|{SKEW}|http", has_stacks=True),
    "boost": Peer("boost", OTHER, "gen|gennew|yield|spawn|pingpong|skynet|idle|timers", has_stacks=True),
    "pygen": Peer("python", OTHER, GENERATORS, ("peer_gen.py", "pygen")),
    "greenlet": Peer("python greenlet", OTHER, GENERATORS, ("peer_gen.py", "greenlet"), has_stacks=True),
    # In echo the names with -proto are callbacks instead of tasks; for HTTP asyncio needs a package.
    "asyncio": Peer("python", OTHER, TASKS, ("peer_asyncio.py", "asyncio")),
    "asyncio-proto": Peer("python", OTHER, "echo", ("peer_asyncio.py", "asyncio-proto")),
    "aiohttp": Peer("python aiohttp", OTHER, "http", ("peer_asyncio.py", "asyncio")),
    "uvloop": Peer("python uvloop", OTHER, TASKS, ("peer_asyncio.py", "uvloop")),
    "uvloop-proto": Peer("python uvloop", OTHER, "echo", ("peer_asyncio.py", "uvloop-proto")),
    "aiohttp-uvloop": Peer("python aiohttp uvloop", OTHER, "http", ("peer_asyncio.py", "uvloop")),
    "gevent": Peer("python gevent", OTHER, f"{TASKS}|http", ("peer_gevent.py", "gevent"), has_stacks=True),
}


@dataclass(frozen=True)
class Cell:
    """One workload with its numbers.

    Where `numbers` is a function, the time of one unit does not depend on how many there are: it is then told how many to do,
    at least `units_min`, so that a run of any peer takes about as long as the session wants it to.
    """

    workload: str
    unit: str
    numbers: tuple | Callable[[int], tuple]
    units_min: int = 0
    cores: int = 1
    rounds_max: int = 99
    memory_min: int = 0  # bytes that have to be free
    too_long_for: tuple = ()  # peers that take longer than one run may
    title: str = ""  # in the picture, which shows only the cells that have one

    def leaves_out(self, name):
        return name in self.too_long_for


PYTHON_TASKS = ("asyncio", "uvloop", "gevent")
NS, BYTES = "ns", "bytes"

CELLS = {
    "gen": Cell("gen", NS, lambda n: (n,), 100_000, title="Generator: one value"),
    "gennew": Cell("gennew", NS, lambda n: (n,), 10_000, title="Generator: made, 3 values, done"),
    "yield 100": Cell("yield", NS, lambda n: (100, n // 100), 100_000, title="Yield among 100 tasks"),
    "yield 10k": Cell("yield", NS, lambda n: (10_000, n // 10_000), 2_000_000, title="Yield among 10,000 tasks"),
    "spawn": Cell("spawn", NS, lambda n: (n // 1000 * 1000, 1, 1000), 50_000, title="Spawn and join a task"),
    "spawn one by one": Cell("spawn", NS, lambda n: (n, 1, 1), 10_000),
    "spawn 2 cores": Cell("spawn", NS, lambda n: (n // 1000 * 1000, 2, 1000), 50_000, 2),
    "pingpong": Cell("pingpong", NS, lambda n: (n // 2 * 2, 1), 20_000, title="A message between two tasks"),
    "pingpong 2 cores": Cell("pingpong", NS, lambda n: (n // 2 * 2, 2), 20_000, 2),
    "skynet 10k": Cell("skynet", NS, (10_000, 1, 1), title="Tree of 11,111 tasks, per task"),
    "skynet 10k warm": Cell("skynet", NS, (10_000, 1, 5)),
    "skynet 10k 2 cores": Cell("skynet", NS, (10_000, 2, 1), cores=2),
    "skynet 1M": Cell("skynet", NS, (1_000_000, 1, 1), too_long_for=("boost", *PYTHON_TASKS),
                      title="Tree of 1,111,111 tasks, per task"),
    "skynet 1M warm": Cell("skynet", NS, (1_000_000, 1, 3), too_long_for=("boost", *PYTHON_TASKS)),
    "skynet 1M 2 cores": Cell("skynet", NS, (1_000_000, 2, 1), cores=2),
    "skew": Cell("skew", NS, lambda n: (n // 1000 * 1000, 1, 1000), 10_000),
    "skew 2 cores": Cell("skew", NS, lambda n: (n // 1000 * 1000, 2, 1000), 10_000, 2),
    "idle 20k": Cell("idle", BYTES, (20_000,), rounds_max=2, title="Memory of one of 20,000 idle tasks"),
    "idle 100k": Cell("idle", BYTES, (100_000,), rounds_max=2),
    "idle 1M": Cell("idle", BYTES, (1_000_000,), rounds_max=2, memory_min=12 << 30, too_long_for=PYTHON_TASKS,
                    title="Memory of one of 1,000,000 idle tasks"),
    "timers 20k": Cell("timers", NS, (20_000, 1)),
    "timers 1M": Cell("timers", NS, (1_000_000, 1), memory_min=12 << 30, too_long_for=("boost", *PYTHON_TASKS),
                      title="Task with a timer, of 1,000,000: CPU"),
}


@dataclass(frozen=True)
class Server:
    """A workload that serves, and how many connections its client keeps busy."""

    workload: str
    connections: int
    threads: int = 1
    idle: int = 0  # how many connections more there are on which nothing happens
    title: str = ""

    @property
    def cores(self):
        return self.threads

    def leaves_out(self, _name):
        return False


SERVERS = {
    "echo 1": Server("echo", 1),
    "echo 64": Server("echo", 64, title="TCP echo, 64 connections: CPU per request"),
    "echo 1000": Server("echo", 1000, title="TCP echo, 1,000 connections: CPU per request"),
    "echo 1 beside 10 idle": Server("echo", 1, idle=10),
    "echo 1 beside 1k idle": Server("echo", 1, idle=1_000),
    "echo 1 beside 10k idle": Server("echo", 1, idle=10_000),
    "echo 64 2 cores": Server("echo", 64, 2),
    "echo 1000 2 cores": Server("echo", 1000, 2),
    "http 64": Server("http", 64, title="HTTP hello, 64 connections: CPU per request"),
    "http 64 2 cores": Server("http", 64, 2),
}

# What is measured of a server: name in the table, unit, whether less is better (None: neither).
SERVER_METRICS = {
    "server_cpu_ns": ("server CPU", NS, True),
    "server_user_ns": ("in user space", NS, None),
    "requests_per_s": ("requests", "requests/s", False),
    "p50_us": ("p50", "us", True),
    "p99_us": ("p99", "us", True),
    "client_busy": ("client busy", "share of its core", None),
}
PLOTTED_METRIC = "server_cpu_ns"


def row_of(cell, metric):
    """The name of a server's row in the table."""
    return f"{cell}: {SERVER_METRICS[metric][0]}"
