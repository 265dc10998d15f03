"""gevent: `peer_gevent.py gevent WORKLOAD NUMBER...`"""
import random

import gevent
from gevent import socket
from gevent.queue import Queue

from peer import *


def yields(tasks, each):
    def task():
        for _ in range(each):
            gevent.sleep(0)

    begin = clock()
    gevent.joinall([gevent.spawn(task) for _ in range(tasks)])
    report(tasks * each, clock() - begin)


def spawns(tasks, batch):
    begin = clock()
    total = 0
    for first in range(0, tasks, batch):
        for spawned in [gevent.spawn(int, first + number) for number in range(batch)]:
            total += spawned.get()
    assert total == sum_below(tasks)
    report(tasks, clock() - begin)


def messages(count):
    there, back = Queue(1), Queue(1)

    def ping():
        for number in range(count // 2):
            there.put(number)
            assert back.get() == number

    def pong():
        for _ in range(count // 2):
            back.put(there.get())

    begin = clock()
    gevent.joinall([gevent.spawn(ping), gevent.spawn(pong)], raise_error=True)
    report(count, clock() - begin)


def tree(first, leaves):
    if leaves == 1:
        return first
    part = leaves // 10
    children = [gevent.spawn(tree, first + child * part, part) for child in range(10)]
    return sum(child.get() for child in children)


def skynet(leaves, times):
    for _ in range(times):
        begin = clock()
        assert gevent.spawn(tree, 0, leaves).get() == sum_below(leaves)
        last = clock() - begin
    report(tasks_of_tree(leaves), last)


def idle(tasks):
    begun = 0

    def task():
        nonlocal begun
        begun += 1
        gevent.sleep(FOREVER)

    before = memory()
    held = [gevent.spawn(task) for _ in range(tasks)]
    while begun < len(held):
        gevent.sleep(0)
    gevent.sleep(SETTLING)
    report_memory(tasks, memory() - before)
    leave()


def timers(tasks):
    length = random.Random(1)
    before = cpu_time()
    gevent.joinall([gevent.spawn(gevent.sleep, length.randrange(1_000_000) / 1e6) for _ in range(tasks)])
    report_cpu(tasks, cpu_time() - before)


def listen():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit this. pywsgi writes head and body apart, and would wait 40 ms between them for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", numbers[0]))
    listener.listen(1024)
    ready()
    return listener


def echo_stream(stream):
    try:
        while data := stream.recv(ECHO_BUFFER):
            stream.sendall(data)
    except OSError:
        pass
    stream.close()


def echo():
    listener = listen()
    while True:
        stream, _ = listener.accept()
        gevent.spawn(echo_stream, stream)


def http():
    from gevent.pywsgi import WSGIServer

    def hello(_, start):
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
        return [b"Hello, world!"]

    WSGIServer(listen(), hello, log=None).serve_forever()


one_thread_only()
if workload == "yield":
    yields(numbers[0], numbers[1])
elif workload == "spawn":
    spawns(numbers[0], numbers[2])
elif workload == "pingpong":
    messages(numbers[0])
elif workload == "skynet":
    skynet(numbers[0], numbers[2])
elif workload == "idle":
    idle(numbers[0])
elif workload == "timers":
    timers(numbers[0])
elif workload == "echo":
    echo()
elif workload == "http":
    http()
else:
    unsupported()
