"""Rendering a mapping template: ringgate, Apache Velocity on a warmed JVM, and npm's velocityjs.

Each renders `order.vtl` (some 40 lines) with `order.json` (2 KiB): the template is parsed once, the body
with each rendering. The three processes stay, are warmed up, and then take turns, some tens of
milliseconds each, so that a busy neighbour hits all of them. Printed are the medians of the rounds with
the lowest and highest, as elapsed time and as CPU time of the whole process (a JVM collects its garbage
beside), and the ratios inside of each round. Exit status 1 if a bar is missed, in CPU time: neighbours
disturb it less.

    cargo build --release -p ringgate-bench --example render
    apt-get install default-jdk-headless velocity libjsonpath-java    # as for tests/template
    npm install velocityjs
    NODE_PATH=node_modules python bench/templates/compare.py [--rounds 40] [--binary FILE]
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
FILES = [HERE / "order.vtl", HERE / "order.json"]
JARS = (
    "json-path json-smart accessors-smart asm slf4j-api slf4j-nop velocity commons-collections3 "
    "commons-lang commons-io"
).split()
# What one turn shall take: long beside the clock, short beside a busy neighbour.
TURN_SECONDS = 0.05
WARM_UP_SECONDS = 6
# Ringgate's time is at most one such part of the other's.
BARS = {"velocity": 3, "velocityjs": 10}


class Side:
    """A process that renders as often as it is told."""

    def __init__(self, name, command):
        self.name = name
        self.child = subprocess.Popen(
            [*command, *FILES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        # Only white space differs between what they print, and 21.0 from 21.
        self.output = json.loads(self.child.stdout.readline())
        self.count = 1

    def cpu(self):
        """Nanoseconds of CPU of all threads."""
        tasks = Path(f"/proc/{self.child.pid}/task")
        total = 0
        for task in tasks.iterdir():
            # A JVM ends threads while it runs.
            with contextlib.suppress(FileNotFoundError):
                total += int((task / "schedstat").read_text().split()[0])
        return total

    def render(self, count):
        """Elapsed and CPU microseconds per rendering."""
        begin = self.cpu()
        self.child.stdin.write(f"{count}\n")
        self.child.stdin.flush()
        elapsed = int(self.child.stdout.readline())
        return elapsed / count / 1000, (self.cpu() - begin) / count / 1000

    def warm_up(self):
        end = time.monotonic() + WARM_UP_SECONDS
        while time.monotonic() < end:
            elapsed, _ = self.render(self.count)
            self.count = max(1, int(TURN_SECONDS * 1e6 / elapsed))

    def stop(self):
        self.child.stdin.close()
        self.child.wait()


def spread(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--binary", type=Path, default=HERE.parents[1] / "target/release/examples/render")
    options = parser.parse_args()
    jars = os.pathsep.join(f"/usr/share/java/{jar}.jar" for jar in JARS)
    sides = [
        Side("ringgate", [options.binary]),
        Side("velocity", ["java", "-cp", jars, HERE / "Render.java"]),
        Side("velocityjs", ["node", HERE / "render.js"]),
    ]
    for side in sides:
        if side.output != sides[0].output:
            sys.exit(f"{side.name} renders something else: {side.output}")
    for side in sides:
        side.warm_up()
    rounds = [{side.name: side.render(side.count) for side in sides} for _ in range(options.rounds)]
    for side in sides:
        side.stop()

    print(f"{options.rounds} rounds in turns; medians (lowest-highest)\n")
    print("| | us elapsed | us of CPU | times ringgate, elapsed | of CPU |")
    print("|---|---:|---:|---:|---:|")
    missed = False
    for side in sides:
        elapsed = [it[side.name][0] for it in rounds]
        cpu = [it[side.name][1] for it in rounds]
        ratios = ["", ""]
        if side.name in BARS:
            of_elapsed, of_cpu = ([it[side.name][of] / it["ringgate"][of] for it in rounds] for of in (0, 1))
            ratios = [spread(of_elapsed), spread(of_cpu)]
            missed |= statistics.median(of_cpu) < BARS[side.name]
        print(f"| {side.name} | {spread(elapsed)} | {spread(cpu)} | {ratios[0]} | {ratios[1]} |")
    sys.exit(missed)


if __name__ == "__main__":
    main()
