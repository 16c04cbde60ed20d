#!/usr/bin/env python3
"""Draws a day from a seed, in VROOM's format with its matrix: everybody starts at a home of their own.

    benches/routing/draw.py VISITS TECHNICIANS SEED > day.json

A square city of 20 km; shifts of 8 h; five skills, of which each technician has two to four and each visit needs one;
visits of 30 to 60 minutes, a third of them in a window of two hours.
"""

import json
import math
import random
import sys

SKILLS = 5
SHIFT = (8 * 3600, 16 * 3600)
SOUTH, WEST, SIDE_M = 42.27, -71.17, 20_000.0
METRES_PER_DEGREE = 111_195.0


def seconds_between(one, other):
    """Great circle x 1.35 at 30 km/h, whole seconds rounded up, as our own default."""
    (west, south), (east, north) = one, other
    south, north, width = math.radians(south), math.radians(north), math.radians(east - west)
    arc = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin(width / 2) ** 2
    return math.ceil(2 * 6_371_008.8 * math.asin(math.sqrt(arc)) * 1.35 / (30 / 3.6))


def place(dice):
    north = SOUTH + dice.random() * SIDE_M / METRES_PER_DEGREE
    east = WEST + dice.random() * SIDE_M / METRES_PER_DEGREE / math.cos(math.radians(SOUTH))
    return [round(east, 5), round(north, 5)]


def visit(no, dice):
    drawn = {"id": no + 1, "location": place(dice), "location_index": no, "service": dice.randint(30, 60) * 60}
    drawn["skills"] = [dice.randint(1, SKILLS)]
    opens = dice.randint(SHIFT[0] // 3600, SHIFT[1] // 3600 - 2) * 3600 if dice.random() < 1 / 3 else None
    drawn["time_windows"] = [[opens, opens + 7200] if opens else list(SHIFT)]
    return drawn | {"priority": 0}


def technician(no, at, dice):
    home = place(dice)
    return {
        "id": no + 1, "start": home, "start_index": at, "end": home, "end_index": at,
        "skills": sorted(dice.sample(range(1, SKILLS + 1), dice.randint(2, 4))), "time_window": list(SHIFT),
    }


def day(visits, technicians, seed):
    dice = random.Random(seed)
    jobs = [visit(no, dice) for no in range(visits)]
    vehicles = [technician(no, visits + no, dice) for no in range(technicians)]
    places = [job["location"] for job in jobs] + [vehicle["start"] for vehicle in vehicles]
    durations = [[seconds_between(one, other) for other in places] for one in places]
    return {"jobs": jobs, "vehicles": vehicles, "matrices": {"car": {"durations": durations}}}


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    json.dump(day(*map(int, sys.argv[1:])), sys.stdout)
