"""Python's own generators (pygen) and greenlets: `peer_gen.py pygen|greenlet gen|gennew N`."""
from peer import *


def produce(values):
    for value in range(values):
        yield value


def total_of_generator(values):
    total = 0
    for value in produce(values):
        total += value
    return total


def total_of_greenlet(values):
    consumer = getcurrent()

    def body():
        for value in range(values):
            consumer.switch(value)

    producer = greenlet(body)
    total = 0
    value = producer.switch()
    while value is not None:
        total += value
        value = producer.switch()
    return total


def many(total, generators):
    for _ in range(generators):
        assert total(3) == 3


if name == "greenlet":
    from greenlet import getcurrent, greenlet

    total = total_of_greenlet
else:
    total = total_of_generator

begin = clock()
if workload == "gen":
    assert total(numbers[0]) == sum_below(numbers[0])
elif workload == "gennew":
    many(total, numbers[0])
else:
    unsupported()
report(numbers[0], clock() - begin)
