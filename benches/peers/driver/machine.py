"""Cores, and what others use of them.

Another job on a core makes a run twice as slow, and nothing in the run shows it. So before a run the core has to be quiet, and
a run during which others have used it is no sample. The time that a hypervisor takes away counts as use by others.
"""
from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import time

CORES = sorted(os.sched_getaffinity(0))
FOREIGN_MAX = 0.08  # share of a core
PR_SET_PDEATHSIG = 1
TICK = os.sysconf("SC_CLK_TCK")
libc = ctypes.CDLL(None)


def cores_for(count, most_s):
    """Cores that others leave alone: the first so many, or for one also the second. None where there are too few.

    Waits for at most so long until they are quiet, and then takes the first.
    """
    if count > len(CORES):
        return None
    choices = [CORES[:count]] if count > 1 else [[core] for core in CORES[:2]]
    end = time.monotonic() + most_s
    while time.monotonic() < end:
        watched = [Foreign(choice) for choice in choices]
        time.sleep(0.25)
        for watch in watched:
            if watch.share() < FOREIGN_MAX:
                return watch.cores
    return choices[0]


def cores_of_server(threads):
    """The cores of a server and that of its client, which is another one where there is one."""
    if threads > len(CORES):
        return None
    return CORES[:threads], CORES[min(threads, len(CORES) - 1)]


def pinned(cores):
    """What a child does before it becomes a peer: it goes to these cores, and dies with its parent."""

    def prepare():
        os.sched_setaffinity(0, cores)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return prepare


def allow_many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def busy_s(cores):
    """CPU time that has been used on these cores so far, by processes, interrupts and other guests."""
    with open("/proc/stat") as stat:
        rows = [line.split() for line in stat if re.match(r"cpu\d", line)]
    used = [sum(int(row[i]) for i in (1, 2, 3, 6, 7, 8)) for row in rows if int(row[0][3:]) in cores]
    return sum(used) / TICK


def own_s():
    """CPU time of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def process_s(pid):
    """CPU time of a process that still runs."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Foreign:
    """What others use of some cores from now on."""

    def __init__(self, cores):
        self.cores = cores
        self.busy, self.own, self.at = busy_s(cores), own_s(), time.monotonic()

    def share(self, more_s=0.0):
        """As a share of one core. `more_s` is CPU time of ours that is not yet known as such: of a server that runs."""
        took = max(time.monotonic() - self.at, 1 / TICK)
        foreign = busy_s(self.cores) - self.busy - (own_s() - self.own) - more_s
        # Both are counted in ticks, of which the last may be missing.
        return max(0.0, foreign - 1 / TICK) / took


def memory_free():
    """Bytes that a program could use without any being swapped out."""
    with open("/proc/meminfo") as meminfo:
        return next(int(line.split()[1]) * 1024 for line in meminfo if line.startswith("MemAvailable:"))


def description():
    with open("/proc/cpuinfo") as cpuinfo:
        model = next((line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")), os.uname().machine)
    return {"processor": model, "cores": len(CORES), "kernel": os.uname().release}
