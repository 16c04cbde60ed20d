#!/usr/bin/env python3
"""What public solvers reach on the same instances, machine and time: one thread each.

    python3 -m venv target/peers && target/peers/bin/pip install pyvrp==0.14.1 pyvroom==1.15.2
    target/peers/bin/python benches/routing/peers.py gaps DIR SECONDS SEED [INSTANCE ..]
    target/peers/bin/python benches/routing/peers.py days DAY.vroom.json [SECONDS [LEVEL,LEVEL]]
    target/peers/bin/python benches/routing/peers.py first VISITS TECHNICIANS SEED SECONDS [LEVEL,LEVEL]

`gaps`: PyVRP beside `callout route solve`, in turns, on the classic texts in DIR (see gaps.sh). `days`: VROOM (its levels
of exploration as the time allows) beside ours on a day in VROOM's format: jobs served, hours of travel. `first`: the same
on a day that draw.py draws, to see how soon there is a plan; its times are those of the whole process, ours too.
Both run with wall-clock time; whatever else runs on the machine costs both alike.
"""

import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import draw

CALLOUT = "target/release/callout"
TABLE = "C104 R104 R112 RC103 RC106 R203 R208 RC203 R1_2_5 RC1_4_5 R2_6_5 R1_10_1".split()


def instance(path):
    """(vehicles, capacity, rows of `number x y demand ready due service`) of a classic text."""
    numbers = [line.split() for line in path.read_text().splitlines()]
    numbers = [[int(word) for word in line] for line in numbers if line and all(word.isdigit() for word in line)]
    (vehicles, capacity), *rows = numbers
    return vehicles, capacity, rows


def pyvrp_distance(path, seconds, seed):
    """Total distance in tenths, by the DIMACS convention: each leg is cut to one decimal."""
    from pyvrp import Model
    from pyvrp.stop import MaxRuntime

    vehicles, capacity, rows = instance(path)
    model = Model()
    depot = model.add_depot(location=model.add_location(x=rows[0][1], y=rows[0][2]))
    model.add_vehicle_type(
        vehicles, capacity=capacity, start_depot=depot, end_depot=depot,
        tw_early=rows[0][4] * 10, tw_late=rows[0][5] * 10,
    )
    for _, x, y, demand, ready, due, service in rows[1:]:
        model.add_client(
            location=model.add_location(x=x, y=y), delivery=demand,
            service_duration=service * 10, tw_early=ready * 10, tw_late=due * 10,
        )
    for one in model.locations:
        for other in model.locations:
            leg = math.floor(10 * math.hypot(one.x - other.x, one.y - other.y) + 1e-9)
            model.add_edge(one, other, distance=leg, duration=leg)
    result = model.solve(MaxRuntime(seconds), seed=seed, display=False)
    return result.cost() if result.is_feasible() else math.inf


def callout(arguments):
    return json.loads(subprocess.run([CALLOUT, "route", "solve", *arguments, "--json"], check=True, capture_output=True).stdout)


def gaps(folder, seconds, seed, names):
    folder = pathlib.Path(folder)
    best = {row["instance"]: float(row["distance"]) for row in csv.DictReader((folder / "bks.csv").open())}
    ours, theirs = [], []
    print("| instance | ours, gap % | PyVRP, gap % |\n|---|---|---|")
    for name in names or TABLE:
        path = next(folder.rglob(f"{name}.txt"))
        told = callout([str(path), "--format", "solomon", "--seconds", str(seconds), "--seed", str(seed)])
        ours.append(100 * (told["distance"] / best[name] - 1))
        theirs.append(100 * (pyvrp_distance(path, float(seconds), int(seed)) / 10 / best[name] - 1))
        print(f"| {name} | {ours[-1]:.3f} | {theirs[-1]:.3f} |", flush=True)
    print(f"\nmean of {len(ours)}: {sum(ours) / len(ours):.3f} % and {sum(theirs) / len(theirs):.3f} %")


def days(path, seconds="30", levels="5"):
    day = json.loads(pathlib.Path(path).read_text())
    places = []
    named = [(job, "location") for job in day["jobs"]]
    named += [(vehicle, end) for vehicle in day["vehicles"] for end in ("start", "end")]
    for thing, name in named:
        thing[f"{name}_index"] = len(places)
        places.append(thing[name])
    day["matrices"] = {"car": {"durations": [[draw.seconds_between(one, other) for other in places] for one in places]}}
    with written(day) as file:
        vroom_levels(file.name, len(day["jobs"]), levels)
    ours(path, len(day["jobs"]), seconds)


def first(visits, technicians, seed, seconds, levels="0,1"):
    with written(draw.day(int(visits), int(technicians), int(seed))) as file:
        vroom_levels(file.name, int(visits), levels)
        ours(file.name, int(visits), seconds)


def written(day):
    file = tempfile.NamedTemporaryFile("w", suffix=".json")
    json.dump(day, file)
    file.flush()
    return file


def vroom_levels(path, visits, levels):
    import vroom

    for level in levels.split(","):
        began = time.monotonic()
        summary = vroom.Input.from_json(path).solve(exploration_level=int(level), nb_threads=1).to_dict()["summary"]
        told = f"{visits - summary['unassigned']} served, {summary['duration'] / 3600:.2f} h of travel"
        print(f"VROOM, level {level}: {told}, {time.monotonic() - began:.1f} s", flush=True)


def ours(path, visits, seconds):
    began = time.monotonic()
    told = callout([path, "--format", "vroom", "--seconds", seconds])
    served, took = visits - len(told["unserved"]), time.monotonic() - began
    print(f"ours: {served} served, {told['terms']['travel'] / 3600:.2f} h of travel, {took:.2f} s")


if __name__ == "__main__":
    command, *rest = sys.argv[1:] or [""]
    if command == "gaps":
        gaps(*rest[:3], rest[3:])
    elif command == "days":
        days(*rest)
    elif command == "first":
        first(*rest)
    else:
        sys.exit(__doc__)
