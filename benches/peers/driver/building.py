"""Makes the peers that can be made here. What can't be is left out, with the reason."""
from __future__ import annotations

import glob
import importlib.util
import os
import re
import shutil
import subprocess
import sys

from .catalogue import OURS, PEERS

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(os.path.dirname(HERE))
TARGET = os.path.join(os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target"), "peers")
RELEASE = os.path.join(TARGET, "release")
LOAD = os.path.join(RELEASE, "load")
GO = os.path.join(TARGET, "go-peer")
BOOST = os.path.join(TARGET, "boost-peer")
VENV = os.path.join(TARGET, "venv")

DEBIAN_PACKAGES = ["g++", "golang", "libboost-context-dev", "libboost-fiber-dev", "python3-venv"]
PYTHON_PACKAGES = ["aiohttp", "gevent", "greenlet", "uvloop"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, folder=HERE, **environment):
    """Whether the command succeeded. What it prints goes to stderr, since stdout is for results."""
    say("+ " + " ".join(command))
    try:
        return subprocess.run(command, cwd=folder, stdout=sys.stderr, env={**os.environ, **environment}).returncode == 0
    except FileNotFoundError:
        return False


def install():
    """Installs what the peers that are not Rust need: packages of Debian and its kin, and a virtual environment."""
    if shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        run([*sudo, "apt-get", "update", "-q"])
        apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy", "--no-install-recommends"]
        for package in DEBIAN_PACKAGES:
            run([*apt, package])
    else:
        say("no apt-get here: install by hand what is the equivalent of " + ", ".join(DEBIAN_PACKAGES))
    os.makedirs(TARGET, exist_ok=True)
    run([os.environ.get("PEERS_PYTHON", "python3"), "-m", "venv", VENV])
    for package in PYTHON_PACKAGES:
        run([python(), "-m", "pip", "install", "-q", package])


def python():
    """The interpreter of the Python peers: that of the virtual environment, where there is one."""
    inside = os.path.join(VENV, "bin", "python")
    return inside if os.path.exists(inside) else os.environ.get("PEERS_PYTHON") or sys.executable


def go():
    """The newest Go: several may be installed side by side, of which the command `go` is one."""
    found = glob.glob("/usr/lib/go-*/bin/go") + glob.glob("/usr/local/go/bin/go")
    found += [path] if (path := shutil.which("go")) else []
    return max(found, key=go_version, default=None)


def go_version(compiler):
    """1.23.4 as [1, 23, 4]."""
    found = re.search(r"go([\d.]+)", version_of([compiler, "version"]))
    return [int(number) for number in found[1].split(".")] if found else []


def version_of(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""


def command_of(name):
    """What runs a peer."""
    peer = PEERS[name]
    tool, *names = peer.made_by.split()
    if tool == "cargo":
        return [os.path.join(RELEASE, names[1])]
    if tool == "python":
        return [python(), os.path.join(HERE, "python", peer.arguments[0]), *peer.arguments[1:]]
    return {"go": [GO], "boost": [BOOST], "command": list(peer.arguments)}[tool]


def build(names):
    """Builds these peers and the client. Gives the reasons for those that are left out."""
    wanted = {"cargo peers load": None, **{PEERS[name].made_by: None for name in names}}
    broken = cargo([what.split()[1:] for what in wanted if what.startswith("cargo ")])
    for what in wanted:
        tool, *made = what.split()
        if tool == "cargo":
            wanted[what] = "it does not build" if made in broken else None
        else:
            wanted[what] = {"go": go_peer, "boost": boost_peer, "python": python_peer}[tool](made) if tool != "command" else None
    if wanted["cargo peers load"] or any(PEERS[name].kind == OURS and wanted[PEERS[name].made_by] for name in names):
        sys.exit("cede's own peer or the client does not build")
    reasons = {name: why for name in names if (why := wanted[PEERS[name].made_by])}
    for name, why in reasons.items():
        say(f"{name} is left out: {why}")
    return reasons


def cargo(binaries):
    """Builds binaries, which are pairs of package and name. Gives those that do not build."""
    broken = []
    for package in dict.fromkeys(package for package, _ in binaries):
        own = [pair for pair in binaries if pair[0] == package]
        if not cargo_build(own):
            # One that does not build must not keep the others of its package out.
            broken += [pair for pair in own if len(own) == 1 or not cargo_build([pair])]
    return broken


def cargo_build(pairs):
    chosen = [word for _, binary in pairs for word in ("--bin", binary)]
    return run(["cargo", "build", "--release", "--target-dir", TARGET, "-p", pairs[0][0], *chosen])


def go_peer(_):
    compiler = go()
    if not compiler:
        return "there is no Go here (--install gets it)"
    cache = os.path.join(TARGET, "go-cache")
    built = run([compiler, "build", "-o", GO, "."], os.path.join(HERE, "go"), GOCACHE=cache)
    return None if built else "it does not build"


def boost_peer(_):
    compiler = shutil.which("g++")
    if not compiler:
        return "there is no g++ here (--install gets it)"
    source = os.path.join(HERE, "cpp", "main.cpp")
    if os.path.exists(BOOST) and os.path.getmtime(BOOST) > os.path.getmtime(source):
        return None
    command = [compiler, "-std=c++17", "-O3", "-o", BOOST, source, "-lboost_fiber", "-lboost_context", "-lpthread"]
    return None if run(command) else "Boost.Fiber is not here, or does not build (--install gets it)"


def python_peer(names):
    interpreter = python()
    if interpreter == sys.executable:
        missing = [name for name in names if importlib.util.find_spec(name) is None]
    else:
        missing = [name for name in names if subprocess.run([interpreter, "-c", f"import {name}"], capture_output=True).returncode]
    return f"Python has no {' and no '.join(missing)} here (--install gets it)" if missing else None


def versions():
    """Of the compilers and interpreters that made the peers."""
    compiler = go()
    return {
        "rustc": version_of(["rustc", "--version"]),
        "go": version_of([compiler, "version"]) if compiler else "",
        "g++": version_of(["g++", "--version"]),
        "python": version_of([python(), "--version"]),
        "commit": version_of(["git", "-C", ROOT, "describe", "--always", "--dirty"]),
    }
