"""What the Python peers share: the command line and the line that is printed, which are those of ../src/lib.rs."""
import os
import resource
import sys
import time

name, workload = sys.argv[1:3]
numbers = [int(word) for word in sys.argv[3:]]

FOREVER = 3600  # seconds
SETTLING = 0.2  # seconds
ECHO_BUFFER = 4096
HAS_THREADS = ("spawn", "pingpong", "skynet", "timers", "echo", "http")


def unsupported():
    sys.exit(64)


def one_thread_only():
    if workload in HAS_THREADS and numbers[1] != 1:
        unsupported()


def _print(units, what):
    print(f"workload={workload} peer={name} n={units} {what}", flush=True)


def report(units, seconds):
    _print(units, f"ns_per_op={seconds * 1e9 / units:.3f}")


def report_memory(tasks, grown):
    _print(tasks, f"bytes_per_task={grown / tasks:.1f}")


def report_cpu(tasks, seconds):
    _print(tasks, f"ns_per_op={seconds * 1e9 / tasks:.1f}")


def ready():
    print(f"ready port={numbers[0]}", flush=True)


def memory():
    with open("/proc/self/status") as status:
        return sum(int(line.split()[1]) * 1024 for line in status if line.startswith(("VmRSS:", "VmPTE:")))


def cpu_time():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def leave():
    """Ends the process at once, with all its tasks."""
    os._exit(0)


def sum_below(n):
    return n * (n - 1) // 2


def tasks_of_tree(leaves):
    tasks = 0
    while leaves:
        tasks += leaves
        leaves //= 10
    return tasks


clock = time.perf_counter
