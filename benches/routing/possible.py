#!/usr/bin/env python3
"""How many urgent tickets of a day anybody could serve at all, and which not.

    possible.py DAY [OVERTIME_S]

DAY as in days.py. A ticket is possible if some technician with its skills, who stands at the door already and has nothing
else to do all day, can begin inside its window, not before it is asked for or the shift begins, and be done by the end
of that shift plus OVERTIME_S (0). No drive is counted, neither there nor home: no policy serves more.
"""

import sys
from datetime import datetime, timedelta

from days import rows_of


def skills(text):
    return {name: int(level or 1) for name, _, level in (held.partition(":") for held in text.split(";") if held)}


def shift(text, day):
    """`mon-sun 07:30-15:30` on the day of a moment."""
    hours = text.split()[-1].split("-")
    at = [datetime.strptime(hour, "%H:%M").replace(year=day.year, month=day.month, day=day.day, tzinfo=day.tzinfo) for hour in hours]
    return at[0], at[1]


def latest_end(ticket, experts, overtime):
    """(margin, technician) of whoever could be done the longest before the shift ends; None: nobody could begin."""
    created, opens, closes = (datetime.fromisoformat(ticket[name]) for name in ("created_at", "window_from", "window_to"))
    best = None
    for expert in experts:
        held = skills(expert["skills"])
        if any(held.get(name, 0) < level for name, level in skills(ticket["skills"]).items()):
            continue
        begins, ends = shift(expert["shift"], opens)
        begin = max(created, opens, begins)
        margin = ends + overtime - begin - timedelta(seconds=int(ticket["duration_s"]))
        if begin <= closes and (best is None or margin > best[0]):
            best = margin, expert["id"]
    return best


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    day, overtime = sys.argv[1], timedelta(seconds=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    tickets = [ticket for ticket in rows_of(f"{day}.tickets.csv") if ticket["priority"] == "urgent"]
    experts = rows_of(f"{day}.experts.csv")
    possible = 0
    for ticket in tickets:
        best = latest_end(ticket, experts, overtime)
        if best and best[0] >= timedelta(0):
            possible += 1
        else:
            why = "nobody able is on shift in its window" if best is None else f"{best[1]} would end {-best[0]} after the shift"
            print(f"ticket {ticket['external_id']}, asked for at {ticket['created_at']}, window to {ticket['window_to']}: {why}")
    print(f"{possible} of {len(tickets)} urgent tickets can be served at all")


if __name__ == "__main__":
    main()
