#!/usr/bin/env python3
"""What public solvers reach on the same instances, machine and time: one thread each.

    python3 -m venv target/peers && target/peers/bin/pip install pyvrp==0.14.1 pyvroom==1.15.2 ortools==9.15.6755
    cargo install vrp-cli@1.25.0 --root target/peers    # for `peers` alone; found by PATH
    target/peers/bin/python benches/routing/peers.py gaps DIR SECONDS SEED [INSTANCE ..]
    target/peers/bin/python benches/routing/peers.py peers DIR SECONDS SEED [INSTANCE ..]
    target/peers/bin/python benches/routing/peers.py days DAY.vroom.json [SECONDS [LEVEL,LEVEL]]
    target/peers/bin/python benches/routing/peers.py first VISITS TECHNICIANS SEED SECONDS [LEVEL,LEVEL]

`gaps`: PyVRP beside `callout route solve`, in turns, on the classic texts in DIR (see gaps.sh); `peers`: VROOM,
OR-Tools and vrp-cli as well. What a peer returns is measured here, by the DIMACS convention, and counts only if it breaks no rule. `days`: VROOM (its levels
of exploration as the time allows) beside ours on a day in VROOM's format: jobs served, hours of travel. `first`: the same
on a day that draw.py draws, to see how soon there is a plan; its times are those of the whole process, ours too.
Both run with wall-clock time; whatever else runs on the machine costs both alike.
"""

import csv
import datetime
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


def leg(one, other):
    """In tenths, by the DIMACS convention: each leg is cut to one decimal."""
    return math.floor(10 * math.hypot(one[1] - other[1], one[2] - other[2]) + 1e-9)


def distance(path, routes):
    """Total distance in tenths of routes of customers' row numbers; inf if they break a rule."""
    vehicles, capacity, rows = instance(path)
    total = 0
    for route in routes:
        time = load = at = 0
        for row in [*route, 0]:
            way = leg(rows[at], rows[row])
            total, time, load, at = total + way, max(time + way, 10 * rows[row][4]), load + rows[row][3], row
            if time > 10 * rows[row][5]:
                return math.inf
            time += 10 * rows[row][6]
        if load > capacity:
            return math.inf
    served = sorted(row for route in routes for row in route)
    return total if served == list(range(1, len(rows))) and len(routes) <= vehicles else math.inf


def pyvrp_routes(path, seconds, seed):
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
    for one, origin in zip(model.locations, rows):
        for other, target in zip(model.locations, rows):
            model.add_edge(one, other, distance=leg(origin, target), duration=leg(origin, target))
    result = model.solve(MaxRuntime(seconds), seed=seed, display=False)
    routes = result.best.routes() if result.is_feasible() else []
    return [[stop.idx + 1 for stop in route if stop.is_client()] for route in routes]


def ortools_routes(path, seconds, _):
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2 as enums

    vehicles, capacity, rows = instance(path)
    manager = pywrapcp.RoutingIndexManager(len(rows), vehicles, 0)
    model = pywrapcp.RoutingModel(manager)
    ways = [[leg(one, other) for other in rows] for one in rows]
    times = [[way + 10 * rows[no][6] for way in line] for no, line in enumerate(ways)]
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(ways))
    model.AddDimension(model.RegisterTransitMatrix(times), 10 * rows[0][5], 10 * rows[0][5], False, "time")
    model.AddDimension(model.RegisterUnaryTransitVector([row[3] for row in rows]), 0, capacity, True, "load")
    for no, row in enumerate(rows[1:], 1):
        model.GetDimensionOrDie("time").CumulVar(manager.NodeToIndex(no)).SetRange(10 * row[4], 10 * row[5])
    settings = pywrapcp.DefaultRoutingSearchParameters()
    settings.first_solution_strategy = enums.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    settings.local_search_metaheuristic = enums.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    settings.time_limit.FromMilliseconds(int(1_000 * seconds))
    solution = model.SolveWithParameters(settings)
    routes = []
    for vehicle in range(vehicles if solution else 0):
        route, index = [], solution.Value(model.NextVar(model.Start(vehicle)))
        while not model.IsEnd(index):
            route.append(manager.IndexToNode(index))
            index = solution.Value(model.NextVar(index))
        routes += [route] if route else []
    return routes


def vroom_routes(path, seconds, _):
    """Its deepest search, stopped when the time is over; it has no seed."""
    import vroom

    vehicles, capacity, rows = instance(path)
    jobs = [
        {
            "id": no, "location_index": no, "delivery": [row[3]], "service": 10 * row[6],
            "time_windows": [[10 * row[4], 10 * row[5]]],
        }
        for no, row in enumerate(rows[1:], 1)
    ]
    depot = {"start_index": 0, "end_index": 0, "capacity": [capacity], "time_window": [10 * rows[0][4], 10 * rows[0][5]]}
    day = {
        "jobs": jobs,
        "vehicles": [depot | {"id": no + 1} for no in range(vehicles)],
        "matrices": {"car": {"durations": [[leg(one, other) for other in rows] for one in rows]}},
    }
    with written(day) as file:
        timeout = datetime.timedelta(seconds=seconds)
        plan = vroom.Input.from_json(file.name).solve(exploration_level=5, nb_threads=1, timeout=timeout).to_dict()
    return [[step["id"] for step in route["steps"] if step["type"] == "job"] for route in plan["routes"]]


def vrp_cli_routes(path, seconds, _):
    with tempfile.NamedTemporaryFile("r", suffix=".txt") as file:
        command = ["vrp-cli", "solve", "solomon", str(path), "--max-time", str(int(seconds)), "--parallelism", "1,1"]
        subprocess.run([*command, "-o", file.name], check=True, capture_output=True)
        lines = [line.split(":")[1].split() for line in file.read().splitlines() if line.startswith("Route")]
    return [[int(word) for word in line] for line in lines]


PEERS = {"PyVRP": pyvrp_routes, "VROOM": vroom_routes, "OR-Tools": ortools_routes, "vrp-cli": vrp_cli_routes}


def callout(arguments):
    return json.loads(subprocess.run([CALLOUT, "route", "solve", *arguments, "--json"], check=True, capture_output=True).stdout)


def gaps(folder, seconds, seed, names, peers=("PyVRP",)):
    folder = pathlib.Path(folder)
    best = {row["instance"]: float(row["distance"]) for row in csv.DictReader((folder / "bks.csv").open())}
    found = {solver: [] for solver in ["ours", *peers]}
    print("".join(f"| {word} " for word in ["instance", *(f"{solver}, gap %" for solver in found)]) + "|")
    print("|---" * (1 + len(found)) + "|")
    for name in names or TABLE:
        path = next(folder.rglob(f"{name}.txt"))
        told = callout([str(path), "--format", "solomon", "--seconds", str(seconds), "--seed", str(seed)])
        found["ours"].append(100 * (told["distance"] / best[name] - 1))
        for peer in peers:
            tenths = distance(path, PEERS[peer](path, float(seconds), int(seed)))
            found[peer].append(100 * (tenths / 10 / best[name] - 1))
        print("".join(f"| {word} " for word in [name, *(f"{gaps[-1]:.3f}" for gaps in found.values())]) + "|", flush=True)
    means = ", ".join(f"{solver} {sum(gaps) / len(gaps):.3f} %" for solver, gaps in found.items())
    print(f"\nmean of {len(found['ours'])}: {means}")


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
    elif command == "peers":
        gaps(*rest[:3], rest[3:], PEERS)
    elif command == "days":
        days(*rest)
    elif command == "first":
        first(*rest)
    else:
        sys.exit(__doc__)
