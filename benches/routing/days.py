#!/usr/bin/env python3
"""Live days dealt anew, played by every policy with the product itself.

    days.py CALLOUT DAY [SEED ...]

CALLOUT is the binary, DAY the path of a day without its ending (DAY.tickets.csv, DAY.experts.csv, DAY.region.geojson).
Each seed deals durations, places, and kinds of work (title with skills) among the tickets, each by itself, and homes,
shifts and skills among the technicians; when tickets come, their windows and priorities stay together, so that no window
lies before its ticket. Seed 0 is the day as it is. Python's own generator, so that a seed means the same day everywhere.
"""

import csv
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

POLICIES = ["nearest", "insertion", "router"]


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def deal(rows, columns, dice):
    """Deals these columns, together, among the rows."""
    hands = [[row[column] for column in columns] for row in rows]
    dice.shuffle(hands)
    for row, hand in zip(rows, hands):
        row.update(zip(columns, hand))


def write(rows, path):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def drawn(day, seed, folder):
    """The files of the day that the seed deals."""
    tickets, experts = rows_of(f"{day}.tickets.csv"), rows_of(f"{day}.experts.csv")
    dice = random.Random(seed)
    if seed:
        for columns in (["duration_s"], ["lat", "lon"], ["title", "skills"]):
            deal(tickets, columns, dice)
        for columns in (["home_lat", "home_lon"], ["shift"], ["skills"]):
            deal(experts, columns, dice)
    files = Path(folder, f"{seed}.tickets.csv"), Path(folder, f"{seed}.experts.csv")
    write(tickets, files[0])
    write(experts, files[1])
    return files


def replay(callout, day, files, policy):
    command = [callout, "replay", files[0], "--experts", files[1], "--regions", f"{day}.region.geojson"]
    command += ["--behaviour", "exact", "--windows", "promise", "--policy", policy, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{policy}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    callout, day, seeds = sys.argv[1], sys.argv[2], [int(seed) for seed in sys.argv[3:] or range(7)]
    print("| seed | policy | served | response, min | travel a ticket, min | urgent | hard rules broken |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            files = drawn(day, seed, folder)
            for policy in POLICIES:
                kpis = replay(callout, day, files, policy)
                response, travel = kpis["response_s"]["mean"] / 60, kpis["travel_s_per_visit"] / 60
                print(f"| {seed} | `{policy}` | {kpis['completed']} | {response:.1f} | {travel:.2f} "
                      f"| {kpis['urgent_completed']} | {kpis['hard_violations']} |", flush=True)


if __name__ == "__main__":
    main()
