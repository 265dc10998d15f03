#!/usr/bin/env python3
"""Random programs for the conformance kit of the crate `cede` (see SPEC.md).

    python3 generate.py generators COUNT SEED > generators.jsonl
    python3 generate.py tasks      COUNT SEED > tasks.jsonl

Needs CPython 3.13, as oracle.py does. What is recorded in tests/data has seed 313.
Every program ends, and its trace does not depend on hashing or on addresses.
The same arguments give the same file. Programs are run by oracle.py as they
are made, and what is too long, too dull or seen already is thrown away.
"""
import json
import random
import signal
import sys

import oracle

RAISED = ["ValueError", "KeyError", "LookupError", "RuntimeError", "TimeoutError",
          "Exception", "StopIteration", "GeneratorExit"]
CAUGHT = [["ValueError"], ["KeyError"], ["LookupError"], ["RuntimeError"], ["Exception"],
          ["BaseException"], ["GeneratorExit"], ["StopIteration"], ["ValueError", "KeyError"],
          ["TimeoutError"], ["LookupError", "RuntimeError"]]
CAUGHT_TASKS = [["CancelledError"], ["TimeoutError"], ["Exception"], ["BaseException"],
                ["ValueError"], ["LookupError"], ["RuntimeError"], ["ExceptionGroup"],
                ["CancelledError", "TimeoutError"], ["InvalidStateError"], ["QueueEmpty", "QueueFull"],
                ["QueueShutDown"]]


class Base:
    """What both kinds share: expressions and control flow."""

    def __init__(self, rng, shape):
        self.rng, self.shape, self.tags = rng, shape, 0

    def pick(self, table):
        """A key of {key: weight}."""
        keys = [k for k, w in table.items() if w > 0]
        return self.rng.choices(keys, [table[k] for k in keys])[0]

    def chance(self, p):
        return self.rng.random() < p

    def tag(self):
        self.tags += 1
        return f"a{self.tags}"

    def var(self):
        return self.rng.choice(self.vars)

    def maybe_var(self):
        return self.var() if self.chance(0.7) else None

    def expr(self, depth=1):
        r = self.rng.random()
        if r < 0.5:
            return self.rng.choice([0, 1, 2, 3, 5, 7, -1, 40])
        if r < 0.85:
            return self.var()
        if r < 0.9 or depth == 0:
            return None
        return [self.rng.choice("++-"), self.expr(0), self.expr(0)]

    def cond(self):
        r = self.rng.random()
        if r < 0.4:
            return ["<", self.expr(0), self.expr(0)]
        if r < 0.6:
            return ["==", self.var(), self.expr(0)]
        if r < 0.8:
            return ["not", self.var()]
        return self.var()

    def payload(self):
        return self.rng.choice([1, 2, 3, 4, 5, None, self.var()])

    def block(self, c, low, high):
        out = []
        for _ in range(self.rng.randint(low, high)):
            out.extend(self.statement(c))
            if out and out[-1][0] in ("return", "raise", "reraise", "break", "continue"):
                break
        return out or [["log", self.tag()]]

    def inner(self, c, low=1, high=3, **changes):
        c = dict(c, depth=c["depth"] + 1, **changes)
        return self.block(c, low, high)

    def s_log(self, c):
        return [["log", self.tag()] + [self.var() for _ in range(self.rng.randint(0, 2))]]

    def s_set(self, c):
        return [["set", self.var(), self.expr()]]

    def s_return(self, c):
        return [["return", self.expr(0)]]

    def s_raise(self, c):
        return [["raise", self.rng.choice(self.raised), self.payload()]]

    def s_reraise(self, c):
        return [["reraise"]]

    def s_break(self, c):
        return [["break"]]

    def s_continue(self, c):
        return [["continue"]]

    def s_if(self, c):
        other = self.inner(c, 1, 2) if self.chance(0.4) else []
        return [["if", self.cond(), self.inner(c, 1, 2), other]]

    def s_loop(self, c):
        return [["loop", self.rng.randint(2, 3), self.inner(c, loop=True)]]

    def s_while(self, c):
        v = self.var()
        return [["set", v, 0], ["while", ["<", v, self.rng.randint(1, 3)], 4,
                                self.inner(c, 1, 2, loop=True) + [["set", v, ["+", v, 1]]]]]

    def handlers(self, c):
        out = []
        for classes in self.rng.sample(self.caught, self.rng.choice([0, 1, 1, 1, 2])):
            var = self.maybe_var()
            block = self.inner(c, 1, 2, handler=True)
            if self.chance(0.6):
                block.insert(0, ["exc", self.tag()])
            out.append([classes, var, block])
        return out

    def s_try(self, c):
        body = self.inner(c, 1, 3)
        handlers = self.handlers(c)
        orelse = self.inner(c, 1, 1) if handlers and self.chance(0.2) else None
        final = None
        if not handlers or self.chance(0.45):
            final = self.inner(c, 1, 2, final=True, handler=False)
            if self.chance(0.5):
                final.insert(0, ["log", self.tag()])
        return [["try", body, handlers, orelse, final]]

    def flow(self, c):
        deep = c["depth"] >= self.shape["depth"]
        loop = 0 if deep else 1
        return {"log": 3, "set": 1.5, "return": 0.7 if c["depth"] else 0.2,
                "raise": 1.6 if c["depth"] else 0.6, "reraise": 3 if c["handler"] else 0,
                "try": 6 * loop, "if": 1.5 * loop, "loop": 1.2 * loop, "while": 0.6 * loop,
                "break": 1.6 if c["loop"] else 0, "continue": 1.2 if c["loop"] else 0}

    def statement(self, c):
        if self.budget <= 0:
            return self.s_log(c)
        self.budget -= 1
        kind = self.pick(self.table(c))
        out = getattr(self, "s_" + kind)(c)
        last = out[-1]
        if last[0] not in ("log", "set", "as_completed", "afor") and isinstance(last[-1], str) \
                and last[-1] in self.vars and self.chance(0.45):
            out.append(["log", self.tag(), last[-1]])
        if kind in self.risky and c["depth"] <= self.shape["depth"] and self.chance(self.shape["guard"]):
            out = [["try", out, [self.guard(c)], None,
                    [["log", self.tag()]] if self.chance(0.15) else None]]
        return out

    def guard(self, c):
        """A handler that reports and goes on."""
        r = self.rng.random()
        classes = ["Exception"] if r < 0.5 else ["BaseException"] if r < 0.62 else self.rng.choice(self.caught)
        var = self.maybe_var()
        block = [["exc", self.tag()]]
        if self.chance(0.2):
            block += self.inner(c, 1, 1, handler=True)
        return [classes, var, block]


class Generators(Base):
    raised, caught, vars = RAISED, CAUGHT, ["x", "y", "z"]
    slots = ["g1", "g2", "g3"]
    risky = ("yieldfrom", "next", "send", "throw", "close", "drop", "for", "list", "yield")
    weights = {"yield": 15, "yieldfrom": 5, "new": 0.7, "next": 1.8, "send": 1.4, "throw": 1.3,
               "close": 1.0, "state": 0.8, "drop": 0.6, "for": 1.0, "list": 0.3, "closing": 1.5, "kept": 0.25}
    main_weights = {"next": 8, "send": 4, "throw": 3.5, "close": 3.0, "state": 1.2,
                    "drop": 1.0, "new": 0.7, "for": 1.0, "list": 0.5}

    def table(self, c):
        t = self.flow(c)
        t.update(self.weights)
        if c["final"]:
            t["return"], t["yield"] = 2, 6
        if c["depth"] >= self.shape["depth"]:
            t["for"] = t["closing"] = t["kept"] = 0
        if c["level"] + 1 >= len(self.names):
            t["new"] = t["kept"] = 0
        return t

    def slot(self):
        return self.rng.choices(self.slots, [5, 3, 2])[0]

    def args(self, body):
        return [self.expr(0) if self.chance(0.6) else self.rng.randint(10, 30) for _ in self.params[body]]

    def fresh(self, c):
        """["new", body, args] of a later body, else None."""
        later = self.names[c["level"] + 1:]
        if not later:
            return None
        body = self.rng.choice(later)
        return ["new", body, self.args(body)]

    def source(self, c, p=0.6):
        new = self.fresh(c)
        return new if new and self.chance(p) else ["gen", self.slot()]

    def s_yield(self, c):
        return [["yield", self.expr(), self.maybe_var()]]

    def s_yieldfrom(self, c):
        if self.chance(0.2):
            src = ["list", [self.expr(0) for _ in range(self.rng.randint(0, 3))]]
        else:
            src = self.source(c, 0.75)
        return [["yieldfrom", src, self.maybe_var()]]

    def s_new(self, c):
        return [["new", self.slot()] + self.fresh(c)[1:]]

    def s_next(self, c):
        return [["next", self.slot(), self.maybe_var()]]

    def s_send(self, c):
        return [["send", self.slot(), self.expr(0), self.maybe_var()]]

    def s_throw(self, c):
        return [["throw", self.slot(), self.rng.choice(self.raised), self.payload(), self.maybe_var()]]

    def s_close(self, c):
        return [["close", self.slot(), self.maybe_var()]]

    def s_closing(self, c):
        """What close() finds: a body that answers GeneratorExit with a value."""
        body = [["yield", self.expr(), self.maybe_var()]] + (self.inner(c, 1, 1) if self.chance(0.3) else [])
        if self.chance(0.3):
            body = self.s_yieldfrom(c)
        answer = [["log", self.tag()]] * self.chance(0.5) + [["return", self.answer()]]
        if self.chance(0.3):
            return [["try", body, [], None, answer]]
        classes = self.rng.choice([["GeneratorExit"], ["GeneratorExit"], ["BaseException"], ["RuntimeError"]])
        return [["try", body, [[classes, None, answer]], None, [["log", self.tag()]] if self.chance(0.2) else None]]

    def answer(self):
        return self.rng.choice([3, 4, 8, ["+", self.var(), 20], self.expr(0)])

    def s_kept(self, c):
        """Loops over, or delegates to, generators that report how they are let go, around what ignores close."""
        stay = [["yield", self.expr(), None], ["log", self.tag()]]
        if self.chance(0.4):
            stay = [["yieldfrom", self.fresh(c), self.maybe_var()]]
        if self.chance(0.5):
            core = ["try", [["yield", self.expr(), self.maybe_var()]], [[["GeneratorExit"], None, stay]], None, None]
        else:
            core = ["try", [["yield", self.expr(), self.maybe_var()]], [], None, stay]
        for _ in range(self.rng.choice([1, 2, 2, 3])):
            core = ["for", self.fresh(c) if self.chance(0.8) else ["gen", self.slot()], self.var(), None, [core]]
        return [core]

    def s_state(self, c):
        return [["state", self.slot()]]

    def s_drop(self, c):
        return [["drop", self.slot()]]

    def s_for(self, c):
        limit = self.rng.choice([None, 1, 2])
        return [["for", self.source(c), self.var(), limit, self.inner(c, 1, 2, loop=True)]]

    def s_list(self, c):
        return [["list", self.source(c), self.var()]]

    def program(self):
        rng = self.rng
        if self.chance(self.shape.get("killed", 0)):
            return self.killed()
        self.names = ["a", "b", "c", "d", "e"][:rng.randint(*self.shape["bodies"])]
        self.params = {n: ["p", "q"][:rng.choice([0, 0, 1, 1, 2])] for n in self.names}
        bodies = {}
        for level, name in enumerate(self.names):
            self.vars = ["x", "y", "z"] + self.params[name]
            self.budget = rng.randint(*self.shape["budget"])
            c = {"depth": 0, "level": level, "loop": False, "handler": False, "final": False}
            code = self.block(c, *self.shape["statements"])
            if self.chance(0.15):
                code = [["try", code, [[["GeneratorExit"], None, [["return", self.answer()]]]], None, None]]
            bodies[name] = {"params": self.params[name], "code": code}
            if not self.params[name]:
                del bodies[name]["params"]
        return {"bodies": bodies, "main": self.driver()}

    def killed(self):
        """a holds several generators when it ignores the GeneratorExit of a drop."""
        rng = self.rng
        self.names = ["a", "b", "c", "d"][:rng.randint(2, 4)]
        self.params = {n: ["p"] for n in self.names}
        bodies = {}
        for level, name in enumerate(self.names):
            self.vars, self.budget = ["x", "y", "p"], rng.randint(1, 4)
            c = {"depth": 1, "level": level, "loop": False, "handler": False, "final": False}
            if level + 1 < len(self.names) and (level == 0 or self.chance(0.3)):
                code = self.s_kept(c)
            else:
                final = [["log", self.tag(), "p"]] + rng.choice([[], [], [], [["state", self.slot()]], [["yield", 6, None]],
                                                            [["raise", rng.choice(self.raised), level]]])
                code = [["try", [["yield", self.expr(0), None] for _ in range(rng.randint(1, 3))], [], None, final]]
            bodies[name] = {"params": ["p"], "code": self.block(c, 0, 1) + code + self.block(c, 0, 1)}
        main = [["new", "g1", "a", [1]]]
        if self.chance(0.5):
            main += [["new", "g2", rng.choice(self.names), [2]], ["next", "g2"]]
        main += [["next", "g1"]] * rng.randint(1, 3)
        main += rng.choice([[["drop", "g1"]], [["new", "g1", "a", [3]]], [["close", "g1"], ["drop", "g1"]], [],
                            [["throw", "g1", "GeneratorExit", None], ["drop", "g1"]]])
        return {"bodies": bodies, "main": main + self.driver()[-rng.randint(2, 6):]}

    def driver(self):
        rng, ops = self.rng, []
        self.vars = ["x"]
        const = lambda: rng.choice([0, 1, 2, 3, 9, None])
        for slot in self.slots[:rng.choice([1, 2, 3, 3])]:
            body = self.names[0] if slot == "g1" and self.chance(0.6) else rng.choice(self.names)
            ops.append(["new", slot, body, [const() for _ in self.params[body]]])
            if self.chance(0.7):
                ops.append(["next", slot])
        live = [op[1] for op in ops]
        for _ in range(rng.randint(*self.shape["driver"])):
            kind = self.pick(self.main_weights)
            slot = rng.choices(self.slots, [6, 2, 1, 1, 1][:len(self.slots)])[0]
            if slot not in live and self.chance(0.8):
                slot = live[0]
            if kind == "new":
                body = rng.choice(self.names)
                ops.append(["new", slot, body, [const() for _ in self.params[body]]])
            elif kind == "send":
                ops.append(["send", slot, const()])
            elif kind == "throw":
                ops.append(["throw", slot, rng.choice(self.raised), rng.choice([1, 2, None])])
            elif kind in ("for", "list"):
                src = ["gen", slot]
                if self.chance(0.4):
                    body = rng.choice(self.names)
                    src = ["new", body, [const() for _ in self.params[body]]]
                ops.append([kind, src] + ([rng.choice([None, 1, 2])] if kind == "for" else []))
            else:
                ops.append([kind, slot])
        return ops


class Tasks(Base):
    raised = ["ValueError", "KeyError", "LookupError", "RuntimeError", "TimeoutError",
              "Exception", "CancelledError", "StopIteration"]
    caught, vars = CAUGHT_TASKS, ["x", "y"]
    delays = [0, 1, 1, 2, 3, 5, 5, 10]
    futures = ["f1", "f2"]
    risky = ("await", "await_future", "await_gather", "cancel", "set_result", "set_exception", "gather",
             "wait", "wait_for", "shield", "timeout", "timeout_at", "reschedule", "expired", "taskgroup",
             "tg_spawn", "hcancel", "call", "afor", "object", "sleep", "as_completed", "done_cb")
    object_kinds = {"event": 3, "lock": 3, "semaphore": 2, "bsemaphore": 1.5, "condition": 3,
                    "barrier": 1.6, "queue": 3, "lifo": 0.8, "prio": 0.8}
    weights = {"sleep": 7, "spawn": 2.2, "await": 3, "cancel": 2.4, "status": 0.6, "future": 0.4,
               "set_result": 1, "set_exception": 0.6, "await_future": 1.2, "done_cb": 0.5,
               "gather": 1.4, "gather_start": 0.6, "await_gather": 0.5, "wait": 1.4,
               "as_completed": 0.8, "wait_for": 1.6, "shield": 1.1, "timeout": 2.2,
               "timeout_at": 0.4, "reschedule": 0.9, "expired": 0.4, "taskgroup": 1.7,
               "tg_spawn": 1.0, "uncancel": 0.5, "cancelling": 0.5, "call_soon": 0.6,
               "call_later": 1.2, "hcancel": 0.4, "name": 0.2, "time": 0.2, "call": 0.8,
               "afor": 0.8, "raisegroup": 0.3, "gset": 0.6, "object": 8}
    # a theme: object kinds (None: any), numbers of objects and of tasks, weights multiplied
    themes = {
        "mixed": (None, (0, 3), (1, 3), {}),
        "sync": (("lock", "semaphore", "bsemaphore", "condition"), (1, 2), (3, 5),
                 {"object": 4, "cancel": 1.6, "call_later": 1.6}),
        "queue": (("queue", "lifo", "prio"), (1, 2), (2, 5), {"object": 4, "cancel": 1.4, "call_later": 1.6}),
        "signal": (("event", "condition", "barrier"), (1, 2), (3, 5),
                   {"object": 4, "cancel": 1.4, "call_later": 1.4}),
        "cancel": (None, (0, 2), (1, 3), {"cancel": 2.5, "timeout": 2.5, "timeout_at": 2, "wait_for": 2.5,
                                          "shield": 2.5, "uncancel": 2, "cancelling": 2, "call_later": 2,
                                          "reschedule": 3}),
        "group": (None, (0, 1), (1, 3), {"taskgroup": 5, "gather": 2, "wait": 2, "as_completed": 2.5,
                                         "raise": 2, "gather_start": 2, "await_gather": 2}),
        "stream": (None, (0, 2), (1, 2), {"afor": 9, "object": 0.5}),
    }
    theme_weights = {"mixed": 5, "sync": 3, "queue": 2.2, "signal": 3, "cancel": 3, "group": 3, "stream": 1.2,
                     "handoff": 2, "stuck": 0.5}

    def table(self, c):
        t = self.flow(c)
        t.update(self.weights)
        for k, factor in self.theme[3].items():
            t[k] *= factor
        if c["depth"] >= self.shape["depth"]:
            for k in ("timeout", "timeout_at", "taskgroup", "as_completed", "afor"):
                t[k] = 0
        if c["level"] >= self.last:
            for k in ("spawn", "taskgroup", "tg_spawn", "call", "gather_start", "await_gather"):
                t[k] = 0
        if not self.agens or c["agen"]:
            t["afor"] = 0
        if c["agen"]:
            t["emit"] = 9
            t["return"] = 0.3
        if not c["group"]:
            t["tg_spawn"] *= 0.2
        else:
            t["tg_spawn"] *= 5
        if not c["timeout"]:
            t["reschedule"] *= 0.1
            t["expired"] *= 0.2
        if c["handler"]:
            t["uncancel"] *= 3
        if not self.objects:
            t["object"] = 0
        return t

    # slots and members, by level
    def task_slot(self, c, p=0.06):
        """A slot whose task runs a later body."""
        later = [s for s, level in self.levels.items() if level > c["level"]]
        known = [s for s in later if s in self.known]
        if known and not self.chance(p):
            later = known
        return self.rng.choice(later) if later else self.rng.choice(self.futures)

    def waitable(self, c):
        return self.rng.choice(self.futures) if self.chance(0.2) else self.task_slot(c)

    def any_slot(self):
        known = list(self.known) * 3 + self.futures
        return self.rng.choice(known if self.chance(0.93) else list(self.levels) + self.gathers)

    def fresh(self, c):
        later = self.workers[c["level"]:]
        if not later:
            return None
        body = self.rng.choice(later)
        return ["new", body, self.args(body)]

    def args(self, body):
        return [self.rng.choice([0, 1, 2, 3, 5]) for _ in self.params[body]]

    def member(self, c, p=0.35):
        new = self.fresh(c)
        return new if new and self.chance(p) else self.waitable(c)

    def members(self, c, p=0.3):
        return [self.member(c, p) for _ in range(self.rng.choice([1, 2, 2, 3]))]

    def delay(self):
        return self.rng.choice(self.delays)

    def limit(self):
        return self.rng.choice([0, 1, 2, 3, 4, 5, 10, None, -1] if self.chance(0.3) else [1, 2, 3, 5])

    def s_sleep(self, c):
        return [["sleep", self.delay()]]

    def s_spawn(self, c):
        slot = self.rng.choice([s for s, level in self.levels.items() if level > c["level"]])
        if slot not in self.known:
            self.known.append(slot)
        body = self.workers[self.levels[slot] - 1]
        return [["spawn", slot, body, self.args(body)]]

    def s_await(self, c):
        return [["await", self.task_slot(c), self.maybe_var()]]

    def s_await_future(self, c):
        return [["await", self.rng.choice(self.futures), self.maybe_var()]]

    def s_await_gather(self, c):
        ok = [g for g in self.gathers if int(g[1:]) > c["level"] and g in self.known]
        return [["await", self.rng.choice(ok), self.maybe_var()]] if ok else self.s_log(c)

    def s_cancel(self, c):
        return [["cancel", self.any_slot(), self.maybe_var()]]

    def s_status(self, c):
        return [["status", self.any_slot()]]

    def s_future(self, c):
        return [["future", self.rng.choice(self.futures)]]

    def s_set_result(self, c):
        return [["set_result", self.rng.choice(self.futures), self.expr(0)]]

    def s_set_exception(self, c):
        return [["set_exception", self.rng.choice(self.futures), self.rng.choice(self.raised), self.payload()]]

    def s_done_cb(self, c):
        return [["done_cb", self.any_slot(), self.tag()]]

    def s_gather(self, c):
        return [["gather", self.members(c), int(self.chance(0.45)), self.tag()]]

    def s_gather_start(self, c):
        slot = self.rng.choice([g for g in self.gathers if int(g[1:]) > c["level"]] or [None])
        if slot is None:
            return self.s_log(c)
        if slot not in self.known:
            self.known.append(slot)
        return [["gather_start", slot, self.members(dict(c, level=int(slot[1:]) - 1)),
                 int(self.chance(0.45))]]

    def s_wait(self, c):
        when = self.rng.choice(["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"])
        return [["wait", [self.waitable(c) for _ in range(self.rng.randint(1, 3))],
                 self.rng.choice([None, 0, 1, 3, 5]), when, self.tag()]]

    def s_as_completed(self, c):
        return [["as_completed", [self.waitable(c) for _ in range(self.rng.randint(1, 3))],
                 self.rng.choice([None, None, 2, 4]), self.var(), self.inner(c, 1, 1, loop=True)]]

    def s_wait_for(self, c):
        return [["wait_for", self.member(c, 0.5), self.limit(), self.maybe_var()]]

    def s_shield(self, c):
        return [["shield", self.member(c, 0.3), self.maybe_var()]]

    def report(self, *stmts):
        return ["try", list(stmts), [[["RuntimeError"], None, [["exc", self.tag()]]]], None, None]

    def s_timeout(self, c):
        slot = self.rng.choice(["t1", "t2"])
        block = self.inner(c, 1, 3, timeout=slot)
        if self.chance(0.12):   # to be moved when it has fired
            late = [self.report(["reschedule", slot, self.rng.choice([0, 2, None])])]
            block = [["try", block + [["sleep", self.rng.choice([3, 5])]], [], None, late]]
        after = self.pick({"": 7, "expired": 2, "reschedule": 0.8})
        out = [["timeout", self.limit(), slot, block]]
        if after == "expired":
            out += [["expired", slot, "x"], ["log", self.tag(), "x"]]
        elif after == "reschedule":
            out = [["try", out, [], None, [self.report(["reschedule", slot, self.rng.choice([0, 2, None])])]]]
        return out

    def s_timeout_at(self, c):
        slot = self.rng.choice(["t1", "t2"])
        return [["timeout_at", self.rng.choice([0, 3, 6, 10, 20]), slot, self.inner(c, 1, 3, timeout=slot)]]

    def s_reschedule(self, c):
        return [["reschedule", self.deadline(c), self.rng.choice([0, 1, 3, 5, None, -1])]]

    def s_expired(self, c):
        return [["expired", self.deadline(c), self.var()]]

    def deadline(self, c):
        return c["timeout"] if c["timeout"] and self.chance(0.8) else self.rng.choice(["t1", "t2"])

    def s_taskgroup(self, c):
        slot = self.rng.choice(["n1", "n2"])
        c2 = dict(c, group=slot)
        first = []
        for _ in range(self.rng.randint(1, 2)):
            first.extend(self.s_tg_spawn(c2))
        block = first + self.inner(c2, 0, 2)
        if self.chance(0.25):   # one more while it shuts down
            block = first + [["try", block[len(first):] + [["sleep", 5]], [], None,
                              [self.report(*self.s_tg_spawn(c2))]]]
        if self.chance(0.1):    # one more when it is over
            return [["try", [["taskgroup", slot, block]], [], None, [self.report(*self.s_tg_spawn(c2))]]]
        return [["taskgroup", slot, block]]

    def s_tg_spawn(self, c):
        slot, body, args = self.s_spawn(c)[0][1:]
        return [["tg_spawn", c["group"] or "n1", slot, body, args]]

    def s_uncancel(self, c):
        own = [s for s, level in self.levels.items() if level == c["level"] and s in self.known]
        first = [["cancel", self.rng.choice(own), None]] if own and self.chance(0.5) else []
        return first + [["uncancel", self.var()]]

    def s_cancelling(self, c):
        return [["cancelling", self.var()]]

    def action(self):
        kind = self.pick({"log": 2, "set_result": 2, "cancel": 3, "event_set": 1})
        if kind == "log":
            return ["log", self.tag(), self.expr(0)]
        if kind == "set_result":
            return ["set_result", self.rng.choice(self.futures), self.expr(0)]
        if kind == "event_set" and self.of("event"):
            return ["event_set", self.rng.choice(self.of("event"))]
        return ["cancel", self.any_slot()]

    def s_call_soon(self, c):
        return [["call_soon", self.rng.choice(["h1", "h2"]), self.action()]]

    def s_call_later(self, c):
        return [["call_later", self.rng.choice(["h1", "h2"]), self.delay(), self.action()]]

    def s_hcancel(self, c):
        return [["hcancel", self.rng.choice(["h1", "h2"])]]

    def s_name(self, c):
        return [["name"]]

    def s_time(self, c):
        return [["time", self.var()]]

    def s_call(self, c):
        return [["call"] + self.fresh(c)[1:] + [self.maybe_var()]]

    def s_afor(self, c):
        body = self.rng.choice(self.agens)
        return [["afor", body, self.args(body), self.var(), self.rng.choice([None, 1, 2]),
                 self.inner(c, 1, 2, loop=True)]]

    def s_emit(self, c):
        return [["emit", self.expr()]]

    def s_raisegroup(self, c):
        return [["raisegroup", [[self.rng.choice(["ValueError", "KeyError", "TimeoutError"]), self.payload()]
                                for _ in range(self.rng.randint(1, 2))]]]

    def s_gset(self, c):
        return [["gset", "k", ["+", ["g", "k"], 1] if self.chance(0.6) else self.expr(0)]]

    # synchronization objects
    def of(self, *kinds):
        return [o[0] for o in self.objects if o[1] in kinds]

    def s_object(self, c):
        out = self.object_step(c)
        if self.chance(0.14):   # often meets a task that has just been woken
            out.append(["cancel", self.any_slot(), None])
        return out

    def object_step(self, c):
        name, kind = self.rng.choice(self.objects)[:2]
        deep = c["depth"] >= self.shape["depth"]
        if kind == "event":
            op = self.pick({"event_set": 3, "event_clear": 1.3, "event_wait": 4, "event_is_set": 0.6})
            return [[op, name] + ([self.var()] if op == "event_is_set" else [])]
        if kind in ("lock", "semaphore", "bsemaphore"):
            op = self.pick({"with": 0 if deep else 6, "acquire": 1, "release": 1, "locked": 0.6,
                            "guard": 0 if deep else 1.5})
            if op == "with":
                return [["with", name, self.inner(c, 1, 2)]]
            if op == "guard":
                return [["acquire", name], ["try", self.inner(c, 1, 2), [], None, [["release", name]]]]
            return [[op, name] + ([self.var()] if op == "locked" else [])]
        if kind == "condition":
            op = self.pick({"wait": 4, "wait_for": 1.5, "notify": 4, "notify_all": 1.5, "bare": 0.4,
                            "inside": 0 if deep else 1})
            if op == "wait":
                return [["with", name, [["cond_wait", name], ["log", self.tag()]]]]
            if op == "wait_for":
                cond = ["not", ["<", ["g", "k"], self.rng.randint(1, 2)]]
                return [["with", name, [["cond_wait_for", name, cond]]]]
            if op == "notify":
                pre = [["gset", "k", ["+", ["g", "k"], 1]]] if self.chance(0.6) else []
                return [["with", name, pre + [["notify", name, self.rng.choice([1, 1, 2])]]]]
            if op == "notify_all":
                pre = [["gset", "k", ["+", ["g", "k"], 1]]] if self.chance(0.6) else []
                return [["with", name, pre + [["notify_all", name]]]]
            if op == "inside":
                return [["with", name, self.inner(c, 1, 2) + [["cond_wait", name]]]]
            return [self.rng.choice([["cond_wait", name], ["notify", name, 1], ["notify_all", name],
                                     ["release", name]])]
        if kind == "barrier":
            op = self.pick({"barrier_wait": 6, "barrier_reset": 1, "barrier_abort": 0.6})
            return [[op, name] + ([self.var()] if op == "barrier_wait" else [])]
        op = self.pick({"put": 4, "get": 3.5, "put_nowait": 1.5, "get_nowait": 1.2, "task_done": 1.2,
                        "join": 0.9, "qsize": 0.5, "queue_shutdown": 1.0})
        if op == "queue_shutdown":
            return [[op, name, int(self.chance(0.45))]]
        if op in ("put", "put_nowait"):
            return [[op, name, self.expr(0)]]
        if op in ("get", "get_nowait", "qsize"):
            v = self.var()
            done = [["task_done", name]] if op != "qsize" and self.chance(0.4) else []
            return [[op, name, v]] + done
        return [[op, name]]

    def make_objects(self):
        out = []
        kinds = {k: w for k, w in self.object_kinds.items() if self.theme[0] is None or k in self.theme[0]}
        for i in range(self.rng.randint(*self.theme[1])):
            kind = self.pick(kinds)
            args = {"semaphore": [self.rng.randint(0, 2)], "bsemaphore": [self.rng.randint(1, 2)],
                    "barrier": [self.rng.randint(2, 3)], "queue": [self.rng.choice([0, 1, 1, 2])],
                    "lifo": [self.rng.randint(0, 2)], "prio": [self.rng.randint(0, 2)]}.get(kind, [])
            locks = [o[0] for o in out if o[1] == "lock"]
            if kind == "condition" and locks and self.chance(0.3):
                args = [self.rng.choice(locks)]
            out.append([f"o{i + 1}", kind] + args)
        return out

    def handoff(self):
        """Tasks wait for one object; main wakes them and cancels them in the same pass."""
        rng, tag = self.rng, self.tag
        self.known, self.agens, self.last, self.theme = [], [], 2, self.themes["mixed"]
        self.workers, self.params = ["w1", "w2"], {"w1": [], "w2": []}
        self.levels = {"w1a": 1, "w1b": 1, "w2a": 2, "w2b": 2}
        self.gathers = ["q1", "q2"]
        kind = self.pick({"lock": 3, "semaphore": 3.5, "condition": 4, "get": 3, "put": 2, "event": 1, "join": 1.5})
        name, n = {"get": "queue", "put": "queue", "join": "queue"}.get(kind, kind), rng.randint(1, 2)
        self.objects = [["o1", name] + {"semaphore": [0], "put": [1], "get": [0], "join": [0]}.get(kind, [])]
        first = {"lock": [["acquire", "o1"]], "put": [["put", "o1", 9]], "join": [["put", "o1", 9]] * n}.get(kind, [])
        wake = {"lock": [["release", "o1"]], "semaphore": [["release", "o1"]], "put": [["get_nowait", "o1", "x"]],
                "condition": [["with", "o1", [["notify", "o1", n]]]], "get": [["put_nowait", "o1", n]],
                "event": [["event_set", "o1"], ["event_clear", "o1"]],
                "join": rng.choice([[["queue_shutdown", "o1", 1]], [["get_nowait", "o1", "x"], ["task_done", "o1"]],
                                    [["get_nowait", "o1", "x"], ["queue_shutdown", "o1", 1], ["task_done", "o1"]]])}[kind]
        if kind in ("get", "put") and self.chance(0.25):
            wake = [["queue_shutdown", "o1", rng.randint(0, 1)]] + (wake if self.chance(0.5) else [])
        base = {"depth": 1, "loop": False, "handler": False, "final": False, "group": None, "timeout": None,
                "agen": False}
        bodies = {"main": None}
        for level, w in ((1, "w1"), (2, "w2")):
            self.vars, self.budget, c = ["x", "y"], rng.randint(1, 3), dict(base, level=level)
            rest = [["log", tag()], ["sleep", rng.choice([0, 1, 2])]]
            block = {"lock": [["with", "o1", rest]], "semaphore": [["with", "o1", rest]],
                     "condition": [["with", "o1", [["cond_wait", "o1"]] + rest]], "event": [["event_wait", "o1"]] + rest,
                     "get": [["get", "o1", "x"], ["log", tag(), "x"]], "put": [["put", "o1", level]] + rest,
                     "join": [["join", "o1"]] + rest}[kind]
            if self.chance(0.5):
                block = [["try", block, [[["CancelledError"], None, [["exc", tag()]] + rng.choice([[], [["reraise"]]])]],
                          None, [["log", tag()]] if self.chance(0.3) else None]]
            bodies[w] = {"code": block + (self.block(c, 0, 2) if self.chance(0.4) else [])}
        self.vars, c = ["x", "y"], dict(base, level=0)
        slots = rng.sample(list(self.levels), rng.randint(2, 4))
        main = first + [["spawn", s, s[:2], []] for s in slots] + [["sleep", rng.choice([0, 0, 1])]]
        self.known = list(slots)
        for _ in range(rng.randint(1, 3)):
            step = list(wake)
            if self.chance(0.75):
                step.insert(rng.choice([0, len(step), len(step)]), ["cancel", rng.choice(slots[:2]), None])
            if kind == "condition" and self.chance(0.65):    # while it has the lock, before or after they are woken
                pause = [["sleep", 0]] if self.chance(0.5) else []
                step = [["with", "o1", [["notify", "o1", n]] + pause + [["cancel", rng.choice(slots), None], ["sleep", 0]]]]
            if kind == "semaphore" and self.chance(0.5):    # those that come before the woken one has run must wait
                step = [["spawn", s, s[:2], []] for s in rng.sample(list(self.levels), 2)] + wake * (
                    len(slots) + rng.randint(-1, 2)) + [["sleep", 0]]
            main += [["try", step, [[["Exception"], None, [["exc", tag()]]]], None, None]]
            if self.chance(0.6):
                main.append(["sleep", rng.choice([0, 0, 1, 3])])
        bodies["main"] = {"code": main + self.epilogue(c)}
        return {"objects": self.objects, "bodies": bodies}

    def stuck(self):
        """Somebody waits again and again for what nobody brings."""
        rng, tag = self.rng, self.tag
        self.known, self.agens, self.last, self.theme = [], [], 1, self.themes["mixed"]
        self.workers, self.params = ["w1"], {"w1": []}
        self.levels, self.gathers, self.objects = {"w1a": 1, "w1b": 1}, ["q1"], []
        kind = self.pick({"event": 2, "queue": 2, "lock": 2, "condition": 2, "barrier": 1.5, "none": 3})
        if kind != "none":
            self.objects = [["o1", kind] + {"queue": [1], "barrier": [4]}.get(kind, [])]
        first = {"lock": [["acquire", "o1"]]}.get(kind, [["future", "f1"]])
        hold = {"event": [["event_wait", "o1"]], "queue": [["get", "o1", "x"]], "lock": [["acquire", "o1"]],
                "condition": [["with", "o1", [["cond_wait", "o1"]]]], "barrier": [["barrier_wait", "o1", "x"]],
                "none": [["future", "f1"], rng.choice([["await", "f1", "x"], ["shield", "f1", "x"],
                                                       ["wait", ["f1"], None, "ALL_COMPLETED", tag()],
                                                       ["wait_for", "f1", rng.choice([None, 3]), "x"],
                                                       ["gather", ["f1"], rng.randint(0, 1), tag()]])]}[kind]
        base = {"depth": 1, "loop": False, "handler": False, "final": False, "group": None, "timeout": None,
                "agen": False}
        bodies, again = {"main": None}, [["try", hold, [[["BaseException"], None, [["exc", tag()]]]], None, None]]
        self.vars, self.budget = ["x", "y"], 3
        part = self.block(dict(base, level=1), 0, 2)
        bodies["w1"] = {"code": [["loop", rng.choice([1, 4, 7]), again + (part if self.chance(0.4) else [])]]}
        main = first + [["spawn", s, "w1", []] for s in list(self.levels)[:rng.randint(1, 2)]]
        self.known = [s[1] for s in main if s[0] == "spawn"]
        end = rng.choice([[["loop", 6, again]], [["sleep", 1]], [["sleep", 0]],
                          [["loop", 6, [["try", [["await", "w1a", "x"]], [[["BaseException"], None, [["exc", tag()]]]],
                                         None, None]]]], [["taskgroup", "n1", [["tg_spawn", "n1", "w1b", "w1", []]] + again]]])
        bodies["main"] = {"code": main + self.block(dict(base, level=0), 0, 2) + end}
        return {"objects": self.objects, "bodies": bodies}

    def program(self):
        rng, self.known = self.rng, []
        theme = self.pick(self.theme_weights)
        if theme in ("handoff", "stuck"):
            return self.handoff() if theme == "handoff" else self.stuck()
        self.theme = self.themes[theme]
        self.objects = self.make_objects()
        self.workers = [f"w{i + 1}" for i in range(rng.randint(*self.shape["bodies"]))]
        self.last = len(self.workers)
        self.agens = ["s1"] if theme == "stream" or self.chance(self.shape["agen"]) else []
        self.params = {n: ["p"][:rng.choice([0, 1])] for n in self.workers + self.agens}
        self.levels = {f"{w}{s}": i + 1 for i, w in enumerate(self.workers)
                       for s in "ab"[:1 if len(self.workers) > 2 else 2]}
        self.gathers = [f"q{i + 1}" for i in range(self.last)]
        bodies = {"main": None}
        base = {"depth": 0, "loop": False, "handler": False, "final": False, "group": None,
                "timeout": None, "agen": False}
        for name in ["main"] + self.workers + self.agens:
            agen = name in self.agens
            level = 0 if name == "main" else self.last if agen else self.workers.index(name) + 1
            params = self.params.get(name, [])
            self.vars = ["x", "y"] + params
            self.budget = rng.randint(*self.shape["budget"])
            c = dict(base, level=level, agen=agen)
            first = self.prologue(c) if name == "main" else []
            code = first + self.block(c, *self.shape["statements"])
            if name == "main" and code[-1][0] not in ("return", "raise") and self.chance(0.6):
                code += self.epilogue(c)
            elif name in self.workers and code[-1][0] not in ("return", "raise") and self.chance(0.5):
                code.append(["return", self.expr(0)])
            bodies[name] = {"code": code}
            if params:
                bodies[name]["params"] = params
            if agen:
                bodies[name]["agen"] = True
        return {"objects": self.objects, "bodies": bodies}

    def prologue(self, c):
        rng, out = self.rng, []
        for f in self.futures:
            if self.chance(0.85):
                out.append(["future", f])
        for _ in range(rng.randint(*self.theme[2])):
            out.extend(self.s_spawn(c))
        if self.chance(0.35):
            out.extend(self.s_call_later(c))
        return out


    def epilogue(self, c):
        tasks = [s for s in self.known if s in self.levels]
        kind = self.pick({"gather": 2 if tasks else 0, "wait": 2 if tasks else 0, "sleep": 3, "await": 2})
        if kind == "gather":
            out = [["gather", tasks, 1, self.tag()]]
        elif kind == "wait":
            out = [["wait", tasks, self.rng.choice([None, 10, 20]), "ALL_COMPLETED", self.tag()]]
        elif kind == "sleep":
            out = [["sleep", self.rng.choice([5, 10, 20, 30])]]
        else:
            out = self.s_await(c)
        return [["try", out, [[["BaseException"], "x", [["exc", self.tag()]]]], None, None]] \
            if self.chance(0.7) else out


GENERATOR_SHAPE = {"bodies": (1, 4), "depth": 3, "budget": (8, 20), "statements": (3, 7),
                   "driver": (6, 16), "lines": (12, 90), "guard": 0.35, "bytes": 3200, "killed": 0.12}
TASKS_SHAPE = {"bodies": (1, 3), "depth": 3, "budget": (5, 12), "statements": (3, 6), "agen": 0.25,
                "lines": (11, 90), "guard": 0.4, "bytes": 2400}


class Stuck(Exception):
    pass


def alarm(*_):
    raise Stuck


def accept(item, shape, seen, stats, rng):
    """Run a candidate; its trace, or None with the reason counted."""
    size = len(json.dumps(item["program"], separators=(",", ":")))
    if size > shape.get("bytes", 3000):
        return stats.update(size=stats.get("size", 0) + 1)
    try:
        signal.setitimer(signal.ITIMER_REAL, 5)
        trace = oracle.run_program(item)
    except (oracle.Runaway, Stuck, RecursionError) as e:
        return stats.update({type(e).__name__: stats.get(type(e).__name__, 0) + 1})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    text = "\n".join(trace)
    if "(?" in text:
        raise SystemExit(f"unknown reason: {text}\n{json.dumps(item)}")
    why = None
    low, high = shape["lines"]
    dull = shape.get("dull", 0.25)
    if not low <= len(trace) <= high:
        why = "length"
    elif text in seen:
        why = "seen"
    elif "deadlock" in text and "abandoned" not in text and rng.random() > shape.get("deadlocks", 0.3):
        why = "deadlock"
    elif text.count("KeyError(empty-slot)") > 2 and rng.random() > dull:
        why = "empty slots"
    elif item["kind"] == "tasks" and trace[0].startswith("0 - main raised") and rng.random() > dull:
        why = "died at once"
    if why:
        return stats.update({why: stats.get(why, 0) + 1})
    seen.add(text)
    return trace


def emits_in_scope(program):
    """Whether an `emit` stands inside a timeout or task group of its own generator (PEP 789): cede refuses that."""
    def walk(block, inside):
        if not isinstance(block, list):
            return False
        if block and isinstance(block[0], str):
            if block[0] == "emit" and inside:
                return True
            inside = inside or block[0] in ("timeout", "timeout_at", "taskgroup")
        return any(walk(part, inside) for part in block)
    return any(body.get("agen") and walk(body["code"], False) for body in program["bodies"].values())


def emit(kind, cls, shape, count, seed, prefix, out=sys.stdout, seen=None):
    oracle.quiet()
    signal.signal(signal.SIGALRM, alarm)
    rng, stats, n, tries = random.Random(seed), {}, 0, 0
    seen = set() if seen is None else seen
    while n < count:
        tries += 1
        item = {"id": f"{prefix}{n + 1:04}", "kind": kind, "program": cls(rng, shape).program()}
        if kind == "tasks" and emits_in_scope(item["program"]):
            continue
        trace = accept(item, shape, seen, stats, rng)
        if trace is None:
            continue
        item["trace"] = trace
        out.write(json.dumps(item, separators=(",", ":")) + "\n")
        n += 1
    print(f"{kind}: {count} kept of {tries}; left out: {stats}", file=sys.stderr)


def main(argv):
    if len(argv) != 3 or argv[0] not in ("generators", "tasks"):
        print(__doc__)
        return 2
    if argv[0] == "generators":
        emit("generator", Generators, GENERATOR_SHAPE, int(argv[1]), int(argv[2]), "g")
    else:
        emit("tasks", Tasks, TASKS_SHAPE, int(argv[1]), int(argv[2]), "t")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
