#!/usr/bin/env python3
"""The golden table of subscriptions: what a gym's members are told about their days, case by case.

    python3 subscriptions.py > subscriptions.jsonl      prints the table, one case per line
    python3 subscriptions.py --check                    says whether the file beside this one is that table

Only the standard library. Nothing here comes from the product: periods are lists of days counted one after the
other, and an answer is read off the set of those days. The cases chosen by hand carry their answers, worked out
with a calendar; the script stops where it comes to another one. The others are drawn with a fixed seed.

A case holds the branch's zone and the hour its day begins, the events with their instants, and queries: what
holds on a day, as it was known on that day. `of` counts the subscriptions of the case (a change of plan and a
transfer begin the next one) and is left out where it is 0. Dates are null where no day is in force, `remaining`
where the subscription is not running. Visits and debts play no part.
"""
import calendar
import json
import pathlib
import random
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

TABLE = pathlib.Path(__file__).with_name("subscriptions.jsonl")
DAY = timedelta(days=1)


# ---- Days and periods -------------------------------------------------------------------------------------------


def as_date(text):
    return date.fromisoformat(text)


def business_day(at, zone, day_starts_at):
    """The day an instant belongs to: what the wall clock shows before the day's first hour is still yesterday."""
    wall = datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
    return wall.date() - DAY if wall.hour < day_starts_at else wall.date()


def last_of(year, month):
    return calendar.monthrange(year, month)[1]


def fits(anchor, day):
    """Is this the anchor day, or the last of a month that has no such day?"""
    return day.day == anchor or (day.day < anchor and day.day == last_of(day.year, day.month))


def count_days(first, number):
    days = []
    while len(days) < number:
        days.append(first if not days else days[-1] + DAY)
    return days


def period(first, unit, count, anchor):
    """All days of one period. Months are walked through one by one until the anchor comes round again."""
    if unit == "days":
        return count_days(first, count)
    year, month = first.year, first.month
    for _ in range(count):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    following = date(year, month, min(anchor, last_of(year, month)))
    return count_days(first, (following - first).days)


# ---- A subscription's life --------------------------------------------------------------------------------------


class Life:
    """One subscription: its periods, each a list of days, its freezes, and the day after which nothing counts."""

    def __init__(self, unit, count, minimum_term_days=0, notice_days=0):
        self.unit, self.count = unit, count
        self.minimum_term_days, self.notice_days = minimum_term_days, notice_days
        self.periods, self.anchors = [], []
        self.freezes = []  # [first frozen day, number of days, index of the lengthened period]
        self.left_after = None  # by a change of plan or a transfer
        self.cancelled_after = None

    def begin(self, first, anchor):
        self.periods.append(period(first, self.unit, self.count, anchor))
        self.anchors.append(anchor)

    def last_day(self):
        return self.periods[-1][-1]

    def minimum_term_end(self):
        return self.periods[0][0] + (self.minimum_term_days - 1) * DAY

    def cut(self):
        cuts = [day for day in (self.left_after, self.cancelled_after) if day is not None]
        return min(cuts) if cuts else None

    def lengthen(self, on, number):
        """Insert days from that day: the period that is running, or comes next, grows; those after it move."""
        index = next(i for i, days in enumerate(self.periods) if days[-1] >= on)
        self.stretch(index, number)
        return index

    def stretch(self, index, number):
        grown = self.periods[index]
        self.periods[index] = count_days(grown[0], len(grown) + number)
        for later in range(index + 1, len(self.periods)):
            self.periods[later] = [day + number * DAY for day in self.periods[later]]

    def days_in_force(self):
        cut = self.cut()
        return {day for days in self.periods for day in days if cut is None or day <= cut}

    def frozen_days(self):
        return {first + offset * DAY for first, number, _ in self.freezes for offset in range(number)}

    def renew(self, today, from_old_end):
        follows = self.last_day() + DAY
        if follows >= today or from_old_end:
            kept = self.anchors[-1]
            self.begin(follows, kept if fits(kept, follows) else follows.day)
        else:
            self.begin(today, today.day)

    def thaw(self, on):
        first, number, index = self.freezes.pop()
        used = max(0, (on - first).days)
        assert used < number, "a freeze that is over cannot be thawed"
        self.stretch(index, used - number)
        if used:
            self.freezes.append([first, used, index])

    def cancel(self, today, when):
        if when == "now":
            self.cancelled_after = today - DAY
        elif when == "at_end":
            self.cancelled_after = max(self.last_day(), self.minimum_term_end())
        else:
            self.cancelled_after = max(today + self.notice_days * DAY, self.minimum_term_end())

    def at(self, day):
        """(first day, last day, days left, status) as a member would be told that day."""
        paid = self.days_in_force()
        if not paid:
            return None, None, None, "cancelled"
        near = day
        if day not in paid:
            ahead = [other for other in paid if other > day]
            near = min(ahead) if ahead else max(paid)
        first = last = near
        while first - DAY in paid:
            first -= DAY
        while last + DAY in paid:
            last += DAY
        frozen = self.frozen_days()
        remaining = None
        if first <= day <= last:
            remaining = sum(1 for other in paid if day < other <= last and other not in frozen)
        cut = self.cut()
        if cut is not None and day > cut:
            status = "cancelled"
        elif day < first:
            status = "upcoming"
        elif day > last:
            status = "expired"
        else:
            status = "frozen" if day in frozen else "active"
        return first, last, remaining, status


def known(case, day):
    """The events known on that day, in order, with their own days, and without those taken back."""
    events = []
    for number, event in enumerate(case["events"]):
        today = business_day(event["at"], case["zone"], case["day_starts_at"])
        if today <= day:
            events.append((number, today, event))
    taken_back = {event["event"] for _, _, event in events if event["kind"] == "voided"}
    return [(today, event) for number, today, event in events
            if number not in taken_back and event["kind"] != "voided"]


def lives(case, day=date.max):
    """The subscriptions of a case as they were known on a day."""
    found = []
    for today, event in known(case, day):
        kind = event["kind"]
        if kind == "sold":
            terms = {key: event[key] for key in ("minimum_term_days", "notice_days") if key in event}
            life = Life(event["unit"], event["count"], **terms)
            start = as_date(event["start"])
            life.begin(start, start.day)
            found.append(life)
            continue
        life = found[event.get("of", 0)]
        if kind == "renewed":
            life.renew(today, event.get("from_old_end", False))
        elif kind == "frozen":
            first = as_date(event["from"])
            assert any(first in days for days in life.periods), "only a running period can be frozen"
            index = life.lengthen(first, event["days"])
            life.freezes.append([first, event["days"], index])
        elif kind == "thawed":
            life.thaw(as_date(event["on"]))
        elif kind in ("gifted", "extended"):
            life.lengthen(as_date(event["on"]), event["days"])
        elif kind == "cancelled":
            life.cancel(today, event["when"])
        elif kind == "reinstated":
            life.cancelled_after = None
        elif kind in ("changed", "transferred"):
            on = as_date(event["on"])
            ends_on = life.last_day()
            life.left_after = on - DAY
            following = Life(event.get("unit", life.unit), event.get("count", life.count))
            if kind == "changed" and not event["keep_end"]:
                following.begin(on, on.day)
            else:
                following.periods.append(count_days(on, (ends_on - on).days + 1))
                following.anchors.append(on.day)
            found.append(following)
        else:
            raise ValueError(kind)
    return found


def answer(case, on, of):
    found = lives(case, as_date(on))
    # A first sale that was taken back: the subscription is there, and nothing of it.
    life = found[of] if of < len(found) else Life("days", 0)
    first, last, remaining, status = life.at(as_date(on))
    query = {"on": on}
    if of:
        query["of"] = of
    query |= {"starts_on": first and first.isoformat(), "ends_on": last and last.isoformat()}
    return query | {"remaining": remaining, "status": status}


# ---- Events -----------------------------------------------------------------------------------------------------
# Times are the branch's wall clock, "2026-03-01 10:00", or an instant, "2026-03-01T09:00Z".


def event(kind, at, **fields):
    return {"kind": kind, "at": at, **fields}


def sold(at, start=None, months=None, days=None, **terms):
    unit, count = ("months", months) if months else ("days", days)
    return event("sold", at, start=start or at[:10], unit=unit, count=count, **terms)


def renewed(at, **fields):
    return event("renewed", at, **fields)


def frozen(at, first, days, **fields):
    return event("frozen", at, **{"from": first}, days=days, **fields)


def thawed(at, on=None, **fields):
    return event("thawed", at, on=on or at[:10], **fields)


def gifted(at, days, on=None, **fields):
    return event("gifted", at, on=on or at[:10], days=days, **fields)


def extended(at, on, days, **fields):
    return event("extended", at, on=on, days=days, **fields)


def cancelled(at, when, **fields):
    return event("cancelled", at, when=when, **fields)


def reinstated(at, **fields):
    return event("reinstated", at, **fields)


def changed(at, keep_end, months=None, days=None, on=None, **fields):
    unit, count = ("months", months) if months else ("days", days)
    return event("changed", at, on=on or at[:10], unit=unit, count=count, keep_end=keep_end, **fields)


def transferred(at, on=None, **fields):
    return event("transferred", at, on=on or at[:10], **fields)


def voided(at, number):
    return event("voided", at, event=number)


def instant(at, zone):
    if at.endswith("Z"):
        return datetime.strptime(at, "%Y-%m-%dT%H:%MZ").strftime("%Y-%m-%dT%H:%M:%SZ")
    wall = datetime.strptime(at, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone))
    return wall.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- Cases chosen by hand ---------------------------------------------------------------------------------------

CASES = []


def case(name, events, *answers, zone="Europe/Berlin", day_starts_at=0):
    """Answers read "on status first..last remaining"; with "#1 " in front they are of the second subscription."""
    events = [{**e, "at": instant(e["at"], zone)} for e in events]
    assert all(a["at"] <= b["at"] for a, b in zip(events, events[1:])), f"{name}: events out of order"
    built = {"name": name, "zone": zone, "day_starts_at": day_starts_at, "events": events, "queries": []}
    for text in answers:
        of = 0
        if text.startswith("#"):
            mark, text = text.split(" ", 1)
            of = int(mark[1:])
        on, status, span, left = text.split()
        first, last = span.split("..") if span != "-" else (None, None)
        by_hand = {"starts_on": first, "ends_on": last, "remaining": None if left == "-" else int(left)}
        found = answer(built, on, of)
        by_hand |= {"status": status}
        counted = {key: found[key] for key in by_hand}
        assert counted == by_hand, f"{name}, {on}:\n by hand {by_hand}\n counted {counted}"
        built["queries"].append(found)
    CASES.append(built)


def month_ends_and_leap_years():
    case("A month sold on the first ends on the last of the month",
         [sold("2026-01-01 10:00", months=1)],
         "2026-01-01 active 2026-01-01..2026-01-31 30", "2026-01-31 active 2026-01-01..2026-01-31 0",
         "2026-02-01 expired 2026-01-01..2026-01-31 -")
    case("A month sold on 31 January ends on 27 February, the day before the month's last",
         [sold("2026-01-31 10:00", months=1)],
         "2026-02-27 active 2026-01-31..2026-02-27 0", "2026-02-28 expired 2026-01-31..2026-02-27 -")
    case("In a leap year the month sold on 31 January ends on 28 February",
         [sold("2024-01-31 10:00", months=1)],
         "2024-02-28 active 2024-01-31..2024-02-28 0", "2024-02-29 expired 2024-01-31..2024-02-28 -")
    case("A month sold on 30 January ends on 27 February",
         [sold("2026-01-30 10:00", months=1)], "2026-02-10 active 2026-01-30..2026-02-27 17")
    case("A month sold on 29 January of a leap year ends on 28 February",
         [sold("2024-01-29 10:00", months=1)], "2024-02-01 active 2024-01-29..2024-02-28 27")
    case("A year sold on 29 February ends on 27 February",
         [sold("2024-02-29 10:00", months=12)],
         "2025-02-27 active 2024-02-29..2025-02-27 0", "2025-02-28 expired 2024-02-29..2025-02-27 -")
    case("Four years sold on 29 February end the day before the next one",
         [sold("2024-02-29 10:00", months=48)], "2028-02-28 active 2024-02-29..2028-02-28 0",
         "2028-02-29 expired 2024-02-29..2028-02-28 -")
    case("A month sold on 29 February ends on 28 March",
         [sold("2028-02-29 10:00", months=1)], "2028-03-28 active 2028-02-29..2028-03-28 0")
    case("A year sold on 28 February ends on 27 February, leap year or not",
         [sold("2023-02-28 10:00", months=12)], "2024-02-27 active 2023-02-28..2024-02-27 0")
    case("A year sold on 1 March takes the leap day with it",
         [sold("2023-03-01 10:00", months=12)], "2024-02-28 active 2023-03-01..2024-02-29 1")
    case("A year sold on 1 January of a leap year ends on New Year's Eve",
         [sold("2024-01-01 10:00", months=12)], "2024-12-30 active 2024-01-01..2024-12-31 1")
    case("Thirty days sold on 31 January count the days, not the month",
         [sold("2026-01-31 10:00", days=30)], "2026-02-10 active 2026-01-31..2026-03-01 19")
    case("Thirty days over a leap day end one date earlier",
         [sold("2024-01-31 10:00", days=30)], "2024-02-29 active 2024-01-31..2024-02-29 0")
    case("A year of days over a leap day ends a day short of the year",
         [sold("2024-01-01 10:00", days=365)], "2024-12-30 active 2024-01-01..2024-12-30 0",
         "2024-12-31 expired 2024-01-01..2024-12-30 -")
    case("A day pass is for today",
         [sold("2026-05-05 09:00", days=1)],
         "2026-05-05 active 2026-05-05..2026-05-05 0", "2026-05-06 expired 2026-05-05..2026-05-05 -")
    case("A day pass on 29 February is for that day",
         [sold("2028-02-29 09:00", days=1)], "2028-02-29 active 2028-02-29..2028-02-29 0",
         "2028-03-01 expired 2028-02-29..2028-02-29 -")
    case("Sold in advance, it is upcoming until its first day",
         [sold("2026-03-20 10:00", start="2026-04-01", months=3)],
         "2026-03-20 upcoming 2026-04-01..2026-06-30 -", "2026-03-31 upcoming 2026-04-01..2026-06-30 -",
         "2026-04-01 active 2026-04-01..2026-06-30 90")
    case("Sold with a start in the past, the days gone are gone",
         [sold("2026-04-10 10:00", start="2026-04-01", months=1)], "2026-04-10 active 2026-04-01..2026-04-30 20")
    case("The century's 29 February counts in the year 2000",
         [sold("1999-03-01 10:00", months=12)], "2000-02-29 active 1999-03-01..2000-02-29 0")
    case("Six months from 31 August end before the end of February",
         [sold("2025-08-31 10:00", months=6)], "2025-09-01 active 2025-08-31..2026-02-27 179")


def renewals():
    case("Renewed before the end, it goes on the day after",
         [sold("2026-01-01 10:00", months=1), renewed("2026-01-20 18:00")],
         "2026-01-19 active 2026-01-01..2026-01-31 12", "2026-01-20 active 2026-01-01..2026-02-28 39",
         "2026-02-28 active 2026-01-01..2026-02-28 0")
    case("Renewed on the last day, it goes on tomorrow",
         [sold("2026-01-01 10:00", months=1), renewed("2026-01-31 23:30")],
         "2026-01-31 active 2026-01-01..2026-02-28 28", "2026-02-01 active 2026-01-01..2026-02-28 27")
    case("Renewed the day after the end, no day is lost and the run goes on",
         [sold("2026-01-01 10:00", months=1), renewed("2026-02-01 08:00")],
         "2026-01-31 active 2026-01-01..2026-01-31 0", "2026-02-01 active 2026-01-01..2026-02-28 27")
    case("Lapsed by two days, a renewal begins today",
         [sold("2026-01-01 10:00", months=1), renewed("2026-02-02 08:00")],
         "2026-02-01 expired 2026-01-01..2026-01-31 -", "2026-02-02 active 2026-02-02..2026-03-01 27")
    case("Lapsed, and renewed from the old end on request",
         [sold("2026-01-01 10:00", months=1), renewed("2026-02-10 08:00", from_old_end=True)],
         "2026-02-09 expired 2026-01-01..2026-01-31 -", "2026-02-10 active 2026-01-01..2026-02-28 18")
    case("Renewed from the old end so late that nothing is left of it",
         [sold("2026-01-01 10:00", months=1), renewed("2026-03-10 08:00", from_old_end=True)],
         "2026-03-10 expired 2026-01-01..2026-02-28 -")
    case("A chain from 31 January comes back to the 31st wherever there is one",
         [sold("2026-01-31 10:00", months=1), renewed("2026-02-27 10:00"), renewed("2026-03-30 10:00"),
          renewed("2026-04-29 10:00"), renewed("2026-05-30 10:00")],
         "2026-02-26 active 2026-01-31..2026-02-27 1", "2026-02-27 active 2026-01-31..2026-03-30 31",
         "2026-03-30 active 2026-01-31..2026-04-29 30", "2026-04-29 active 2026-01-31..2026-05-30 31",
         "2026-05-30 active 2026-01-31..2026-06-29 30", "2026-06-30 expired 2026-01-31..2026-06-29 -")
    case("A chain from 31 January through a leap February",
         [sold("2024-01-31 10:00", months=1), renewed("2024-02-28 10:00"), renewed("2024-03-30 10:00")],
         "2024-02-28 active 2024-01-31..2024-03-30 31", "2024-03-30 active 2024-01-31..2024-04-29 30")
    case("A chain of years from 29 February finds the next one",
         [sold("2024-02-29 10:00", months=12), renewed("2025-02-20 10:00"), renewed("2026-02-20 10:00"),
          renewed("2027-02-20 10:00"), renewed("2028-02-20 10:00")],
         "2025-02-20 active 2024-02-29..2026-02-27 372", "2026-02-20 active 2024-02-29..2027-02-27 372",
         "2027-02-20 active 2024-02-29..2028-02-28 373", "2028-02-20 active 2024-02-29..2029-02-27 373")
    case("Quarters from 30 November skip no day at the end of February",
         [sold("2025-11-30 10:00", months=3), renewed("2026-02-27 10:00"), renewed("2026-05-29 10:00")],
         "2025-11-30 active 2025-11-30..2026-02-27 89", "2026-02-27 active 2025-11-30..2026-05-29 91",
         "2026-05-29 active 2025-11-30..2026-08-29 92")
    case("Lapsed and begun anew on 30 April, the day of the month is now the 30th",
         [sold("2026-01-31 10:00", months=1), renewed("2026-04-30 10:00"), renewed("2026-05-29 10:00")],
         "2026-04-29 expired 2026-01-31..2026-02-27 -", "2026-04-30 active 2026-04-30..2026-05-29 29",
         "2026-05-29 active 2026-04-30..2026-06-29 31")
    case("Renewed twice ahead, both periods wait their turn",
         [sold("2026-01-31 10:00", months=1), renewed("2026-02-01 10:00"), renewed("2026-02-01 10:05")],
         "2026-02-01 active 2026-01-31..2026-04-29 87", "2026-04-29 active 2026-01-31..2026-04-29 0")
    case("A renewal keeps the sold ten days",
         [sold("2026-06-25 10:00", days=10), renewed("2026-07-01 10:00")],
         "2026-06-30 active 2026-06-25..2026-07-04 4", "2026-07-01 active 2026-06-25..2026-07-14 13")
    case("Renewed while it is still upcoming, it follows its own end",
         [sold("2026-02-20 10:00", start="2026-03-31", months=1), renewed("2026-02-21 10:00")],
         "2026-02-20 upcoming 2026-03-31..2026-04-29 -", "2026-02-21 upcoming 2026-03-31..2026-05-30 -",
         "2026-04-30 active 2026-03-31..2026-05-30 30")
    case("Two lapses, and each run is its own",
         [sold("2026-01-15 10:00", days=7), renewed("2026-02-15 10:00"), renewed("2026-03-15 10:00")],
         "2026-01-21 active 2026-01-15..2026-01-21 0", "2026-02-15 active 2026-02-15..2026-02-21 6",
         "2026-02-22 expired 2026-02-15..2026-02-21 -", "2026-03-15 active 2026-03-15..2026-03-21 6")


def clocks():
    case("At 02:59 a gym whose day ends at 03:00 still sells yesterday's renewal: no day is lost",
         [sold("2026-01-01 10:00", months=1), renewed("2026-02-02 02:59")],
         "2026-02-01 active 2026-01-01..2026-02-28 27", day_starts_at=3)
    case("At 03:00 the day has turned, and the renewal begins today",
         [sold("2026-01-01 10:00", months=1), renewed("2026-02-02 03:00")],
         "2026-02-01 expired 2026-01-01..2026-01-31 -", "2026-02-02 active 2026-02-02..2026-03-01 27",
         day_starts_at=3)
    case("At 02:59 on the day after the last the subscription has not lapsed yet",
         [sold("2026-01-01 10:00", months=1), cancelled("2026-02-01 02:59", "now")],
         "2026-01-30 active 2026-01-01..2026-01-31 1", "2026-01-31 cancelled 2026-01-01..2026-01-30 -",
         day_starts_at=3)
    case("A new year's sale at half past one belongs to the old year's last day",
         [sold("2026-01-01 01:30", start="2025-12-31", months=1)],
         "2025-12-31 active 2025-12-31..2026-01-30 30", "2026-01-31 expired 2025-12-31..2026-01-30 -",
         day_starts_at=3)
    case("Cancelled after midnight, the evening's member keeps the day before",
         [sold("2026-05-01 10:00", months=1), cancelled("2026-05-11 01:00", "now")],
         "2026-05-09 active 2026-05-01..2026-05-31 22", "2026-05-10 cancelled 2026-05-01..2026-05-09 -",
         day_starts_at=3)
    case("Cairo's clock springs at midnight into 25 April: 22:00 UTC is already the new day",
         [sold("2025-03-25 10:00", start="2025-03-24", months=1), renewed("2025-04-24T22:00Z")],
         "2025-04-24 expired 2025-03-24..2025-04-23 -", "2025-04-25 active 2025-04-25..2025-05-24 29",
         zone="Africa/Cairo")
    case("A minute before Cairo's clock springs it is still the 24th, and the renewal follows on",
         [sold("2025-03-25 10:00", start="2025-03-24", months=1), renewed("2025-04-24T21:59Z")],
         "2025-04-24 active 2025-03-24..2025-05-23 29", zone="Africa/Cairo")
    case("Where Cairo's clock falls back before midnight, the day is an hour longer",
         [sold("2025-09-30 10:00", days=30), renewed("2025-10-30T21:30Z")],
         "2025-10-29 active 2025-09-30..2025-10-29 0", "2025-10-30 active 2025-09-30..2025-11-28 29",
         zone="Africa/Cairo")
    case("Once Cairo is back on winter time, 22:00 UTC begins the next day",
         [sold("2025-09-30 10:00", days=30), renewed("2025-10-30T22:00Z")],
         "2025-10-30 expired 2025-09-30..2025-10-29 -", "2025-10-31 active 2025-10-31..2025-11-29 29",
         zone="Africa/Cairo")
    case("In Berlin's spring night 00:59 UTC is 01:59 and yesterday, where the day ends at 03:00",
         [sold("2026-03-01 10:00", days=27), renewed("2026-03-29T00:59Z")],
         "2026-03-27 active 2026-03-01..2026-03-27 0", "2026-03-28 active 2026-03-01..2026-04-23 26",
         day_starts_at=3)
    case("In Berlin's spring night the clock jumps from two to three, and so the day turns",
         [sold("2026-03-01 10:00", days=27), renewed("2026-03-29T01:00Z")],
         "2026-03-28 expired 2026-03-01..2026-03-27 -", "2026-03-29 active 2026-03-29..2026-04-24 26",
         day_starts_at=3)
    case("In Berlin's autumn night the second 02:59 is still yesterday",
         [sold("2026-10-01 10:00", days=23), renewed("2026-10-25T01:59Z")],
         "2026-10-24 active 2026-10-01..2026-11-15 22", day_starts_at=3)
    case("In Berlin's autumn night 02:00 UTC is 03:00 and the new day",
         [sold("2026-10-01 10:00", days=23), renewed("2026-10-25T02:00Z")],
         "2026-10-24 expired 2026-10-01..2026-10-23 -", "2026-10-25 active 2026-10-25..2026-11-16 22",
         day_starts_at=3)
    case("New York's evening is UTC's tomorrow, and the last day is not over",
         [sold("2026-02-08 10:00", months=1), cancelled("2026-03-08T03:30Z", "now")],
         "2026-03-06 active 2026-02-08..2026-03-07 1", "2026-03-07 cancelled 2026-02-08..2026-03-06 -",
         zone="America/New_York")
    case("New York after the spring change: 03:30 UTC is 23:30 of the day before",
         [sold("2026-02-08 10:00", months=1), renewed("2026-03-09T03:30Z")],
         "2026-03-08 active 2026-02-08..2026-04-07 30", zone="America/New_York")
    case("In Riyadh 21:00 UTC is tomorrow",
         [sold("2026-12-30T21:00Z", start="2026-12-31", months=1)],
         "2026-12-31 active 2026-12-31..2027-01-30 30", zone="Asia/Riyadh")
    case("In Kolkata 18:29 UTC on 28 February is that day's last minute, leap year",
         [sold("2024-01-29 10:00", start="2024-01-28", months=1), renewed("2024-02-28T18:29Z")],
         "2024-02-28 active 2024-01-28..2024-03-27 28", zone="Asia/Kolkata")
    case("In Kolkata 18:30 UTC on 28 February is 29 February: lapsed by a day, and begun anew",
         [sold("2024-01-29 10:00", start="2024-01-28", months=1), renewed("2024-02-28T18:30Z")],
         "2024-02-28 expired 2024-01-28..2024-02-27 -", "2024-02-29 active 2024-02-29..2024-03-28 28",
         zone="Asia/Kolkata")
    case("On Lord Howe the clock moves half an hour, and the day still turns at three",
         [sold("2026-03-01 10:00", days=34), renewed("2026-04-04T16:29Z")],
         "2026-04-04 active 2026-03-01..2026-05-07 33", zone="Australia/Lord_Howe", day_starts_at=3)
    case("On Lord Howe a minute later it is three o'clock",
         [sold("2026-03-01 10:00", days=34), renewed("2026-04-04T16:30Z")],
         "2026-04-04 expired 2026-03-01..2026-04-03 -", "2026-04-05 active 2026-04-05..2026-05-08 33",
         zone="Australia/Lord_Howe", day_starts_at=3)
    case("Apia is a day ahead of most of the world",
         [sold("2026-06-14T11:00Z", start="2026-06-15", months=1)],
         "2026-06-15 active 2026-06-15..2026-07-14 29", zone="Pacific/Apia")
    case("The Friday that Apia skipped in 2011 counts as a date like any other",
         [sold("2011-12-01 10:00", months=1)],
         "2011-12-29 active 2011-12-01..2011-12-31 2", "2011-12-31 active 2011-12-01..2011-12-31 0",
         zone="Pacific/Apia")
    case("A subscription over both changes of the clock has as many days as any other",
         [sold("2026-01-15 10:00", months=12)], "2026-03-29 active 2026-01-15..2027-01-14 291",
         "2026-10-25 active 2026-01-15..2027-01-14 81")
    case("A gym whose day begins at noon sells yesterday's day pass all morning",
         [sold("2026-07-02 11:59", start="2026-07-01", days=1), renewed("2026-07-02 12:00")],
         "2026-07-01 active 2026-07-01..2026-07-01 0", "2026-07-02 active 2026-07-01..2026-07-02 0",
         day_starts_at=12)


def freezes():
    case("A freeze moves the end by its days and ends by itself",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 7)],
         "2026-03-09 active 2026-03-01..2026-03-31 22", "2026-03-10 frozen 2026-03-01..2026-04-07 22",
         "2026-03-16 frozen 2026-03-01..2026-04-07 22", "2026-03-17 active 2026-03-01..2026-04-07 21",
         "2026-04-07 active 2026-03-01..2026-04-07 0", "2026-04-08 expired 2026-03-01..2026-04-07 -")
    case("A freeze booked ahead lets the member in until it begins",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-05 10:00", "2026-03-10", 7)],
         "2026-03-05 active 2026-03-01..2026-04-07 26", "2026-03-09 active 2026-03-01..2026-04-07 22",
         "2026-03-10 frozen 2026-03-01..2026-04-07 22")
    case("A freeze over the end: the days that were left come after it",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-25 10:00", "2026-03-28", 14)],
         "2026-03-27 active 2026-03-01..2026-04-14 4", "2026-04-10 frozen 2026-03-01..2026-04-14 4",
         "2026-04-11 active 2026-03-01..2026-04-14 3", "2026-04-15 expired 2026-03-01..2026-04-14 -")
    case("Frozen on the last day, that day is still to come",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-31 10:00", "2026-03-31", 10)],
         "2026-03-31 frozen 2026-03-01..2026-04-10 1", "2026-04-09 frozen 2026-03-01..2026-04-10 1",
         "2026-04-10 active 2026-03-01..2026-04-10 0")
    case("Frozen from the first day on",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-01 10:05", "2026-03-01", 5)],
         "2026-03-01 frozen 2026-03-01..2026-04-05 31", "2026-03-06 active 2026-03-01..2026-04-05 30")
    case("A freeze for a single day",
         [sold("2026-02-01 10:00", months=1), frozen("2026-02-14 10:00", "2026-02-14", 1)],
         "2026-02-14 frozen 2026-02-01..2026-03-01 15", "2026-02-15 active 2026-02-01..2026-03-01 14")
    case("A freeze over the leap day counts it",
         [sold("2024-02-01 10:00", months=1), frozen("2024-02-26 10:00", "2024-02-27", 4)],
         "2024-02-29 frozen 2024-02-01..2024-03-04 3", "2024-03-02 active 2024-02-01..2024-03-04 2")
    case("Two freezes, one after the other",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-05 10:00", "2026-03-05", 3),
          frozen("2026-03-20 10:00", "2026-03-20", 4)],
         "2026-03-08 active 2026-03-01..2026-04-03 26", "2026-03-20 frozen 2026-03-01..2026-04-07 15",
         "2026-03-24 active 2026-03-01..2026-04-07 14")
    case("A freeze moves the period already bought after it",
         [sold("2026-01-01 10:00", months=1), renewed("2026-01-10 10:00"),
          frozen("2026-01-30 10:00", "2026-01-30", 5)],
         "2026-01-29 active 2026-01-01..2026-02-28 30", "2026-01-30 frozen 2026-01-01..2026-03-05 30",
         "2026-02-04 active 2026-01-01..2026-03-05 29", "2026-03-06 expired 2026-01-01..2026-03-05 -")
    case("A freeze in the second period leaves the first as it was",
         [sold("2026-01-01 10:00", months=1), renewed("2026-01-10 10:00"),
          frozen("2026-02-10 10:00", "2026-02-10", 5)],
         "2026-02-10 frozen 2026-01-01..2026-03-05 19", "2026-02-15 active 2026-01-01..2026-03-05 18")
    case("After a freeze the renewal follows the moved end, and its own day of the month counts from there",
         [sold("2026-01-31 10:00", months=1), frozen("2026-02-10 10:00", "2026-02-10", 3),
          renewed("2026-03-02 10:00"), renewed("2026-04-02 10:00")],
         "2026-02-13 active 2026-01-31..2026-03-02 17", "2026-03-02 active 2026-01-31..2026-04-02 31",
         "2026-04-02 active 2026-01-31..2026-05-02 30")
    case("A freeze that moves the end to a month's last but one keeps the 31st",
         [sold("2026-01-31 10:00", months=1), frozen("2026-02-10 10:00", "2026-02-10", 31),
          renewed("2026-03-30 10:00")],
         "2026-03-13 active 2026-01-31..2026-03-30 17", "2026-03-30 active 2026-01-31..2026-04-29 30")
    case("Thawed early, the unused days come off the end again",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 14),
          thawed("2026-03-15 10:00")],
         "2026-03-14 frozen 2026-03-01..2026-04-14 22", "2026-03-15 active 2026-03-01..2026-04-05 21",
         "2026-04-06 expired 2026-03-01..2026-04-05 -")
    case("Thawed on the day it was frozen, the freeze has never been",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 14),
          thawed("2026-03-10 18:00")],
         "2026-03-10 active 2026-03-01..2026-03-31 21", "2026-03-11 active 2026-03-01..2026-03-31 20")
    case("A freeze that was to come is thawed before it began",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-05 10:00", "2026-03-20", 14),
          thawed("2026-03-10 10:00")],
         "2026-03-09 active 2026-03-01..2026-04-14 22", "2026-03-10 active 2026-03-01..2026-03-31 21",
         "2026-03-20 active 2026-03-01..2026-03-31 11")
    case("Thawed on a freeze's last day, one day comes back",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 7),
          thawed("2026-03-16 10:00")],
         "2026-03-15 frozen 2026-03-01..2026-04-07 22", "2026-03-16 active 2026-03-01..2026-04-06 21")
    case("A thaw moves the period bought after it back, too",
         [sold("2026-01-01 10:00", months=1), renewed("2026-01-10 10:00"),
          frozen("2026-01-20 10:00", "2026-01-20", 20), thawed("2026-01-30 10:00")],
         "2026-01-29 frozen 2026-01-01..2026-03-20 40", "2026-01-30 active 2026-01-01..2026-03-10 39")
    case("Renewed while frozen, it goes on after the moved end",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 30),
          renewed("2026-04-01 10:00")],
         "2026-03-31 frozen 2026-03-01..2026-04-30 22", "2026-04-01 frozen 2026-03-01..2026-05-31 53",
         "2026-04-09 active 2026-03-01..2026-05-31 52")
    case("Renewed while frozen and then thawed, the renewal moves up",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 30),
          renewed("2026-03-12 10:00"), thawed("2026-03-15 10:00")],
         "2026-03-12 frozen 2026-03-01..2026-05-31 53", "2026-03-15 active 2026-03-01..2026-05-06 52")
    case("Of two freezes a thaw ends the later one",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-05 10:00", "2026-03-05", 3),
          frozen("2026-03-20 10:00", "2026-03-20", 10), thawed("2026-03-22 10:00")],
         "2026-03-22 active 2026-03-01..2026-04-05 14", "2026-03-07 frozen 2026-03-01..2026-04-03 27")
    case("Frozen at 02:59 for yesterday, where the day ends at 03:00",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-29T00:30Z", "2026-03-28", 5)],
         "2026-03-27 active 2026-03-01..2026-03-31 4", "2026-03-28 frozen 2026-03-01..2026-04-05 4",
         "2026-04-02 active 2026-03-01..2026-04-05 3", day_starts_at=3)
    case("A freeze over the spring change of the clock is as long as any other",
         [sold("2025-04-01 10:00", months=1), frozen("2025-04-20 10:00", "2025-04-22", 7)],
         "2025-04-25 frozen 2025-04-01..2025-05-07 9", "2025-04-29 active 2025-04-01..2025-05-07 8",
         zone="Africa/Cairo")
    case("A freeze of an unlapsed pack of days, over its end",
         [sold("2026-06-01 10:00", days=10), frozen("2026-06-10 10:00", "2026-06-10", 60)],
         "2026-08-08 frozen 2026-06-01..2026-08-09 1", "2026-08-09 active 2026-06-01..2026-08-09 0")


def gifts_and_closures():
    case("Three gift days are three days longer",
         [sold("2026-02-01 10:00", months=1), gifted("2026-02-20 10:00", 3)],
         "2026-02-19 active 2026-02-01..2026-02-28 9", "2026-02-20 active 2026-02-01..2026-03-03 11")
    case("A gift on the last day brings tomorrow",
         [sold("2026-02-01 10:00", months=1), gifted("2026-02-28 22:00", 1)],
         "2026-02-28 active 2026-02-01..2026-03-01 1", "2026-03-02 expired 2026-02-01..2026-03-01 -")
    case("A gift before the first day lengthens the period to come",
         [sold("2026-02-20 10:00", start="2026-03-01", months=1), gifted("2026-02-21 10:00", 7)],
         "2026-02-21 upcoming 2026-03-01..2026-04-07 -", "2026-03-01 active 2026-03-01..2026-04-07 37")
    case("A gift in the first period moves the second",
         [sold("2026-01-01 10:00", months=1), renewed("2026-01-10 10:00"), gifted("2026-01-15 10:00", 2)],
         "2026-01-15 active 2026-01-01..2026-03-02 46", "2026-03-02 active 2026-01-01..2026-03-02 0")
    case("Renewed after a gift, it follows the later end, with its own day of the month",
         [sold("2026-01-31 10:00", months=1), gifted("2026-02-10 10:00", 1), renewed("2026-02-28 10:00"),
          renewed("2026-03-31 10:00")],
         "2026-02-10 active 2026-01-31..2026-02-28 18", "2026-02-28 active 2026-01-31..2026-03-31 31",
         "2026-03-31 active 2026-01-31..2026-04-30 30")
    case("Closed for five days, everybody gets five days, and nobody is frozen",
         [sold("2026-08-01 10:00", months=1), extended("2026-08-20 10:00", "2026-08-10", 5)],
         "2026-08-19 active 2026-08-01..2026-08-31 12", "2026-08-20 active 2026-08-01..2026-09-05 16")
    case("A closure that fell on the last day is made good although the subscription has ended since",
         [sold("2026-08-01 10:00", months=1), extended("2026-09-02 10:00", "2026-08-31", 3)],
         "2026-09-01 expired 2026-08-01..2026-08-31 -", "2026-09-02 active 2026-08-01..2026-09-03 1",
         "2026-09-04 expired 2026-08-01..2026-09-03 -")
    case("A closure of a leap February moves the end over 29 February",
         [sold("2024-01-29 10:00", months=1), extended("2024-02-12 10:00", "2024-02-12", 1)],
         "2024-02-12 active 2024-01-29..2024-02-29 17", "2024-02-29 active 2024-01-29..2024-02-29 0")
    case("A gift while frozen lengthens the end, not the freeze",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 7),
          gifted("2026-03-12 10:00", 2)],
         "2026-03-12 frozen 2026-03-01..2026-04-09 24", "2026-03-17 active 2026-03-01..2026-04-09 23")
    case("A gift between freeze and thaw stays",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 10),
          gifted("2026-03-12 10:00", 2), thawed("2026-03-14 10:00")],
         "2026-03-13 frozen 2026-03-01..2026-04-12 24", "2026-03-14 active 2026-03-01..2026-04-06 23")
    case("A closure is made good to the run that was going, not to the one before",
         [sold("2026-01-01 10:00", days=10), renewed("2026-02-01 10:00"),
          extended("2026-02-05 10:00", "2026-02-03", 2)],
         "2026-02-05 active 2026-02-01..2026-02-12 7", "2026-01-11 expired 2026-01-01..2026-01-10 -")


def cancellations():
    case("Cancelled now, yesterday was the last day",
         [sold("2026-03-01 10:00", months=3), cancelled("2026-03-11 10:00", "now")],
         "2026-03-10 active 2026-03-01..2026-05-31 82", "2026-03-11 cancelled 2026-03-01..2026-03-10 -",
         "2026-06-01 cancelled 2026-03-01..2026-03-10 -")
    case("Cancelled now on the first day, nothing is left",
         [sold("2026-03-01 10:00", months=3), cancelled("2026-03-01 18:00", "now")],
         "2026-03-01 cancelled - -", "2026-03-15 cancelled - -")
    case("Cancelled now before it began, nothing is left",
         [sold("2026-02-20 10:00", start="2026-03-01", months=3), cancelled("2026-02-25 18:00", "now")],
         "2026-02-24 upcoming 2026-03-01..2026-05-31 -", "2026-02-25 cancelled - -")
    case("Cancelled at the end, the days paid for stay",
         [sold("2026-03-01 10:00", months=1), cancelled("2026-03-11 10:00", "at_end")],
         "2026-03-11 active 2026-03-01..2026-03-31 20", "2026-03-31 active 2026-03-01..2026-03-31 0",
         "2026-04-01 cancelled 2026-03-01..2026-03-31 -")
    case("Cancelled at the end of two periods, the second is still theirs",
         [sold("2026-03-01 10:00", months=1), renewed("2026-03-05 10:00"),
          cancelled("2026-03-11 10:00", "at_end")],
         "2026-04-01 active 2026-03-01..2026-04-30 29", "2026-05-01 cancelled 2026-03-01..2026-04-30 -")
    case("Cancelled now, the period bought ahead goes too",
         [sold("2026-03-01 10:00", months=1), renewed("2026-03-05 10:00"), cancelled("2026-03-11 10:00", "now")],
         "2026-03-11 cancelled 2026-03-01..2026-03-10 -", "2026-04-05 cancelled 2026-03-01..2026-03-10 -")
    case("Cancelled now in the second period, the first is history",
         [sold("2026-03-01 10:00", months=1), renewed("2026-03-31 10:00"), cancelled("2026-04-11 10:00", "now")],
         "2026-04-10 active 2026-03-01..2026-04-30 20", "2026-04-11 cancelled 2026-03-01..2026-04-10 -")
    case("Cancelled with fourteen days' notice, it runs fourteen days more",
         [sold("2026-03-01 10:00", months=3, notice_days=14), cancelled("2026-03-11 10:00", "notice")],
         "2026-03-11 active 2026-03-01..2026-03-25 14", "2026-03-25 active 2026-03-01..2026-03-25 0",
         "2026-03-26 cancelled 2026-03-01..2026-03-25 -")
    case("Notice given at 02:59 counts from yesterday, where the day ends at 03:00",
         [sold("2026-03-01 10:00", months=3, notice_days=14), cancelled("2026-03-12 02:59", "notice")],
         "2026-03-11 active 2026-03-01..2026-03-25 14", "2026-03-26 cancelled 2026-03-01..2026-03-25 -",
         day_starts_at=3)
    case("Notice inside the minimum term runs to the end of that term",
         [sold("2026-01-01 10:00", months=12, minimum_term_days=90, notice_days=14),
          cancelled("2026-02-01 10:00", "notice")],
         "2026-02-01 active 2026-01-01..2026-03-31 58", "2026-04-01 cancelled 2026-01-01..2026-03-31 -")
    case("Notice near the minimum term's end runs out after it",
         [sold("2026-01-01 10:00", months=12, minimum_term_days=90, notice_days=14),
          cancelled("2026-03-25 10:00", "notice")],
         "2026-03-25 active 2026-01-01..2026-04-08 14", "2026-04-09 cancelled 2026-01-01..2026-04-08 -")
    case("A notice longer than what is paid changes no date, and cuts the next renewal",
         [sold("2026-03-01 10:00", months=1, notice_days=30), cancelled("2026-03-20 10:00", "notice"),
          renewed("2026-03-31 04:00")],
         "2026-03-20 active 2026-03-01..2026-03-31 11", "2026-03-31 active 2026-03-01..2026-04-19 19",
         "2026-04-19 active 2026-03-01..2026-04-19 0", "2026-04-20 cancelled 2026-03-01..2026-04-19 -")
    case("Cancelled at the end within the minimum term, the next periods are cut where the term ends",
         [sold("2026-01-01 10:00", months=1, minimum_term_days=45), cancelled("2026-01-10 10:00", "at_end"),
          renewed("2026-01-31 04:00")],
         "2026-01-10 active 2026-01-01..2026-01-31 21", "2026-01-31 active 2026-01-01..2026-02-14 14",
         "2026-02-15 cancelled 2026-01-01..2026-02-14 -")
    case("Without a renewal the notice outlives the days paid for",
         [sold("2026-03-01 10:00", months=1, notice_days=30), cancelled("2026-03-20 10:00", "notice")],
         "2026-03-31 active 2026-03-01..2026-03-31 0", "2026-04-01 expired 2026-03-01..2026-03-31 -",
         "2026-04-20 cancelled 2026-03-01..2026-03-31 -")
    case("A cancellation taken back leaves everything as it was",
         [sold("2026-03-01 10:00", months=3, notice_days=14), cancelled("2026-03-11 10:00", "notice"),
          reinstated("2026-03-20 10:00")],
         "2026-03-19 active 2026-03-01..2026-03-25 6", "2026-03-20 active 2026-03-01..2026-05-31 72",
         "2026-06-01 expired 2026-03-01..2026-05-31 -")
    case("Cancelled now and reinstated two days later",
         [sold("2026-03-01 10:00", months=1), cancelled("2026-03-11 10:00", "now"),
          reinstated("2026-03-13 10:00")],
         "2026-03-12 cancelled 2026-03-01..2026-03-10 -", "2026-03-13 active 2026-03-01..2026-03-31 18")
    case("Reinstated, the renewal that the notice had cut is whole again",
         [sold("2026-03-01 10:00", months=1, notice_days=30), cancelled("2026-03-20 10:00", "notice"),
          renewed("2026-03-31 04:00"), reinstated("2026-04-10 10:00")],
         "2026-04-09 active 2026-03-01..2026-04-19 10", "2026-04-10 active 2026-03-01..2026-04-30 20")
    case("Cancelled while frozen, the freeze is over with the rest",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 14),
          cancelled("2026-03-15 10:00", "now")],
         "2026-03-14 frozen 2026-03-01..2026-04-14 22", "2026-03-15 cancelled 2026-03-01..2026-03-14 -")
    case("Cancelled at the end while frozen, the end is the moved one",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 14),
          cancelled("2026-03-15 10:00", "at_end")],
         "2026-03-15 frozen 2026-03-01..2026-04-14 22", "2026-03-24 active 2026-03-01..2026-04-14 21",
         "2026-04-15 cancelled 2026-03-01..2026-04-14 -")
    case("Cancelled on the last day at the end, it is simply not renewed",
         [sold("2026-01-31 10:00", months=1), cancelled("2026-02-27 10:00", "at_end")],
         "2026-02-27 active 2026-01-31..2026-02-27 0", "2026-02-28 cancelled 2026-01-31..2026-02-27 -")
    case("A year's notice of three months given on 30 November",
         [sold("2025-03-01 10:00", months=12, notice_days=90), cancelled("2025-11-30 10:00", "notice")],
         "2025-11-30 active 2025-03-01..2026-02-28 90", "2026-03-01 cancelled 2025-03-01..2026-02-28 -")


def changes_and_transfers():
    case("Upgraded in mid-month with the end kept",
         [sold("2026-03-01 10:00", months=1), changed("2026-03-16 10:00", True, months=1)],
         "2026-03-15 active 2026-03-01..2026-03-31 16", "2026-03-16 cancelled 2026-03-01..2026-03-15 -",
         "#1 2026-03-16 active 2026-03-16..2026-03-31 15", "#1 2026-04-01 expired 2026-03-16..2026-03-31 -")
    case("Upgraded in mid-month to a period of its own",
         [sold("2026-03-01 10:00", months=1), changed("2026-03-16 10:00", False, months=3)],
         "2026-03-16 cancelled 2026-03-01..2026-03-15 -", "#1 2026-03-16 active 2026-03-16..2026-06-15 91")
    case("Upgraded on the last day with the end kept, the new plan has that one day",
         [sold("2026-01-31 10:00", months=1), changed("2026-02-27 10:00", True, months=1)],
         "2026-02-27 cancelled 2026-01-31..2026-02-26 -", "#1 2026-02-27 active 2026-02-27..2026-02-27 0",
         "#1 2026-02-28 expired 2026-02-27..2026-02-27 -")
    case("Upgraded on the last day to a period of its own, it begins today",
         [sold("2026-01-31 10:00", months=1), changed("2026-02-27 10:00", False, months=1)],
         "2026-02-26 active 2026-01-31..2026-02-27 1", "2026-02-27 cancelled 2026-01-31..2026-02-26 -",
         "#1 2026-02-27 active 2026-02-27..2026-03-26 27")
    case("Upgraded at 02:59 after the last day, where the day ends at 03:00, it is still the last day",
         [sold("2026-01-31 10:00", months=1), changed("2026-02-28 02:59", False, months=1, on="2026-02-27")],
         "2026-02-27 cancelled 2026-01-31..2026-02-26 -", "#1 2026-02-27 active 2026-02-27..2026-03-26 27",
         day_starts_at=3)
    case("Upgraded on the first day, nothing is left of the old plan",
         [sold("2026-03-01 10:00", months=1), changed("2026-03-01 18:00", False, months=12)],
         "2026-03-01 cancelled - -", "#1 2026-03-01 active 2026-03-01..2027-02-28 364")
    case("Downgraded on 29 February to a year",
         [sold("2024-01-15 10:00", months=6), changed("2024-02-29 10:00", False, months=12)],
         "2024-02-29 cancelled 2024-01-15..2024-02-28 -", "#1 2024-02-29 active 2024-02-29..2025-02-27 364")
    case("A change agreed for later: until then the old plan runs",
         [sold("2026-03-01 10:00", months=3), changed("2026-03-10 10:00", True, months=3, on="2026-04-01")],
         "2026-03-10 active 2026-03-01..2026-03-31 21", "#1 2026-03-10 upcoming 2026-04-01..2026-05-31 -",
         "2026-04-01 cancelled 2026-03-01..2026-03-31 -", "#1 2026-04-01 active 2026-04-01..2026-05-31 60")
    case("Changed with a period bought ahead, the kept end is that one's",
         [sold("2026-03-01 10:00", months=1), renewed("2026-03-05 10:00"),
          changed("2026-03-16 10:00", True, months=1)],
         "2026-03-16 cancelled 2026-03-01..2026-03-15 -", "#1 2026-03-16 active 2026-03-16..2026-04-30 45")
    case("Changed after a freeze, the kept end is the moved one",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-05 10:00", "2026-03-05", 7),
          changed("2026-03-20 10:00", True, months=1)],
         "2026-03-20 cancelled 2026-03-01..2026-03-19 -", "#1 2026-03-20 active 2026-03-20..2026-04-07 18")
    case("Renewed after an upgrade on the 31st, the new plan has its own day of the month",
         [sold("2026-01-10 10:00", months=1), changed("2026-01-31 10:00", False, months=1),
          renewed("2026-02-20 10:00", of=1), renewed("2026-03-20 10:00", of=1)],
         "#1 2026-01-31 active 2026-01-31..2026-02-27 27", "#1 2026-02-20 active 2026-01-31..2026-03-30 38",
         "#1 2026-03-20 active 2026-01-31..2026-04-29 40")
    case("Renewed after an upgrade that kept an end on the 31st, it goes on with the first",
         [sold("2026-03-01 10:00", months=1), changed("2026-03-16 10:00", True, months=1),
          renewed("2026-03-30 10:00", of=1)],
         "#1 2026-03-30 active 2026-03-16..2026-04-30 31")
    case("Upgraded, and upgraded again",
         [sold("2026-03-01 10:00", months=1), changed("2026-03-11 10:00", False, months=1),
          changed("2026-03-21 10:00", False, months=6, of=1)],
         "2026-03-21 cancelled 2026-03-01..2026-03-10 -", "#1 2026-03-21 cancelled 2026-03-11..2026-03-20 -",
         "#2 2026-03-21 active 2026-03-21..2026-09-20 183")
    case("The new plan can be frozen like any other",
         [sold("2026-03-01 10:00", months=1), changed("2026-03-16 10:00", True, months=1),
          frozen("2026-03-20 10:00", "2026-03-20", 5, of=1)],
         "#1 2026-03-20 frozen 2026-03-16..2026-04-05 12", "#1 2026-03-25 active 2026-03-16..2026-04-05 11",
         "2026-03-20 cancelled 2026-03-01..2026-03-15 -")
    case("Upgraded to days: thirty from today",
         [sold("2026-01-15 10:00", months=1), changed("2026-02-01 10:00", False, days=30)],
         "#1 2026-02-01 active 2026-02-01..2026-03-02 29")
    case("An upgrade taken back: the old plan runs on as before",
         [sold("2026-03-01 10:00", months=1), changed("2026-03-16 10:00", False, months=3),
          voided("2026-03-17 10:00", 1)],
         "2026-03-16 cancelled 2026-03-01..2026-03-15 -", "2026-03-17 active 2026-03-01..2026-03-31 14")
    case("Transferred, the new member has the days that were left",
         [sold("2026-03-01 10:00", months=3), transferred("2026-04-10 10:00")],
         "2026-04-09 active 2026-03-01..2026-05-31 52", "2026-04-10 cancelled 2026-03-01..2026-04-09 -",
         "#1 2026-04-10 active 2026-04-10..2026-05-31 51", "#1 2026-06-01 expired 2026-04-10..2026-05-31 -")
    case("Transferred on the last day, the new member has that day",
         [sold("2024-01-31 10:00", months=1), transferred("2024-02-28 10:00")],
         "2024-02-28 cancelled 2024-01-31..2024-02-27 -", "#1 2024-02-28 active 2024-02-28..2024-02-28 0")
    case("Transferred with a period bought ahead, both go along",
         [sold("2026-03-01 10:00", months=1), renewed("2026-03-05 10:00"), transferred("2026-03-20 10:00")],
         "2026-03-20 cancelled 2026-03-01..2026-03-19 -", "#1 2026-03-20 active 2026-03-20..2026-04-30 41")
    case("Transferred at half past one in the night, where the day ends at 03:00",
         [sold("2026-03-01 10:00", months=1), transferred("2026-03-21 01:30", on="2026-03-20")],
         "2026-03-20 cancelled 2026-03-01..2026-03-19 -", "#1 2026-03-20 active 2026-03-20..2026-03-31 11",
         day_starts_at=3)


def voids():
    case("A sale taken back leaves nothing",
         [sold("2026-03-01 10:00", months=1), voided("2026-03-01 10:10", 0)],
         "2026-03-01 cancelled - -", "2026-03-20 cancelled - -")
    case("A sale taken back tomorrow was a subscription today",
         [sold("2026-03-01 10:00", months=1), voided("2026-03-02 10:10", 0)],
         "2026-03-01 active 2026-03-01..2026-03-31 30", "2026-03-02 cancelled - -")
    case("A renewal taken back: the old end holds again",
         [sold("2026-03-01 10:00", months=1), renewed("2026-03-20 10:00"), voided("2026-03-22 10:00", 1)],
         "2026-03-21 active 2026-03-01..2026-04-30 40", "2026-03-22 active 2026-03-01..2026-03-31 9",
         "2026-04-01 expired 2026-03-01..2026-03-31 -")
    case("A renewal after a lapse taken back: lapsed as before",
         [sold("2026-03-01 10:00", months=1), renewed("2026-04-10 10:00"), voided("2026-04-11 10:00", 1)],
         "2026-04-10 active 2026-04-10..2026-05-09 29", "2026-04-11 expired 2026-03-01..2026-03-31 -")
    case("Renewed from 31 January, taken back and renewed again, the 31st is not forgotten",
         [sold("2026-01-31 10:00", months=1), renewed("2026-02-20 10:00"), voided("2026-02-20 10:10", 1),
          renewed("2026-02-27 10:00")],
         "2026-02-20 active 2026-01-31..2026-02-27 7", "2026-02-27 active 2026-01-31..2026-03-30 31")
    case("A freeze taken back: the end moves back, and no day was frozen",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 7),
          voided("2026-03-12 10:00", 1)],
         "2026-03-11 frozen 2026-03-01..2026-04-07 22", "2026-03-12 active 2026-03-01..2026-03-31 19")
    case("A thaw taken back: the freeze goes on to its own end",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-10 10:00", "2026-03-10", 14),
          thawed("2026-03-15 10:00"), voided("2026-03-16 10:00", 2)],
         "2026-03-15 active 2026-03-01..2026-04-05 21", "2026-03-16 frozen 2026-03-01..2026-04-14 22",
         "2026-03-24 active 2026-03-01..2026-04-14 21")
    case("A gift taken back",
         [sold("2026-03-01 10:00", months=1), gifted("2026-03-10 10:00", 10), voided("2026-03-11 10:00", 1)],
         "2026-03-10 active 2026-03-01..2026-04-10 31", "2026-03-11 active 2026-03-01..2026-03-31 20")
    case("A cancellation struck out is as good as reinstated",
         [sold("2026-03-01 10:00", months=1), cancelled("2026-03-10 10:00", "now"), voided("2026-03-10 10:30", 1)],
         "2026-03-10 active 2026-03-01..2026-03-31 21", "2026-04-01 expired 2026-03-01..2026-03-31 -")
    case("The gift and then the freeze before it, both taken back in turn",
         [sold("2026-03-01 10:00", months=1), frozen("2026-03-05 10:00", "2026-03-05", 5),
          gifted("2026-03-20 10:00", 3), voided("2026-03-21 10:00", 2), voided("2026-03-21 10:05", 1)],
         "2026-03-20 active 2026-03-01..2026-04-08 19", "2026-03-21 active 2026-03-01..2026-03-31 10")
    case("A transfer taken back: the days are the old member's again",
         [sold("2026-03-01 10:00", months=1), transferred("2026-03-10 10:00"), voided("2026-03-12 10:00", 1)],
         "2026-03-11 cancelled 2026-03-01..2026-03-09 -", "2026-03-12 active 2026-03-01..2026-03-31 19")


# ---- Cases drawn with a seed ------------------------------------------------------------------------------------

ZONES = ["Africa/Cairo", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Riyadh",
         "Pacific/Apia"]
# Around changes of the clock in one zone or another, month ends and leap days.
STARTS = ["2024-01-31", "2024-02-28", "2024-02-29", "2028-02-29", "2026-01-28", "2026-01-29", "2026-01-30",
          "2026-01-31", "2026-02-28", "2026-03-01", "2026-03-08", "2026-03-29", "2026-03-31", "2026-04-05",
          "2026-04-24", "2026-04-30", "2025-08-31", "2025-10-30", "2026-10-04", "2026-10-25", "2026-11-01",
          "2026-11-30", "2025-12-31", "2026-12-31"]
TERMS = [("months", 1), ("months", 1), ("months", 1), ("months", 2), ("months", 3), ("months", 6), ("months", 12),
         ("days", 1), ("days", 7), ("days", 10), ("days", 30), ("days", 90)]


class Draw:
    """Chance from one seed. Only `random()` is used: it alone is promised to stay the same between versions."""

    def __init__(self, seed):
        self.random = random.Random(seed).random

    def below(self, number):
        return int(self.random() * number)

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def one(self, choices):
        return choices[self.below(len(choices))]


def moment(draw, day, zone, day_starts_at, not_before):
    """An instant of that business day, often close to its border, after the event before."""
    hours = [(0, 0), (0, 29), (2, 59), (10, 15), (18, 40), (23, 59)]
    if day_starts_at:
        hours = [(24, 10), (24 + day_starts_at - 1, 59)] + [(max(h, day_starts_at), m) for h, m in hours]
    for hour, minute in [draw.one(hours) for _ in range(3)] + sorted(hours):
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
        wall = midnight + timedelta(hours=hour, minutes=minute)
        at = wall.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        if at > not_before and business_day(at, zone, day_starts_at) == day:
            return at
    return None


def later(draw, life, today):
    """A day on which something may happen next: soon, or near the end."""
    last = life.last_day()
    near = [last - 2 * DAY, last - DAY, last, last + DAY, last + 2 * DAY, last + 12 * DAY]
    soon = [today, today + DAY, today + draw.between(2, 15) * DAY]
    choices = [day for day in soon + near if day >= today]
    return draw.one(choices)


def possible(draw, life, today, may_renew):
    """What the desk could do that day, as events without their instants."""
    freeze = life.freezes[-1] if life.freezes else None
    freeze_ends = freeze[0] + (freeze[1] - 1) * DAY if freeze else None
    last, cut = life.last_day(), life.cut()
    choices = []
    if cut is not None:
        choices.append(event("reinstated", ""))
        if cut > last and last + DAY >= today and may_renew:
            choices.append(event("renewed", ""))
        return choices
    if may_renew:
        choices += [event("renewed", "")] * 3
        if last + DAY < today:
            choices.append(event("renewed", "", from_old_end=True))
    if today > last:
        closed = today - 3 * DAY
        return choices + ([event("extended", "", on=closed.isoformat(), days=draw.between(4, 9))]
                          if closed <= last else [])
    begun = today >= life.periods[0][0]
    if freeze is None or freeze_ends < today:
        first = today + draw.one([0, 0, 1, 5]) * DAY
        if any(first in days for days in life.periods):
            number = draw.one([1, 3, 7, 14, 30, 45])
            choices += [event("frozen", "", **{"from": first.isoformat()}, days=number)] * 2
    elif freeze[0] <= today or draw.below(2):
        choices += [event("thawed", "", on=today.isoformat())] * 8
    choices.append(event("gifted", "", on=today.isoformat(), days=draw.between(1, 10)))
    choices.append(event("extended", "", on=(today - draw.below(4) * DAY).isoformat(), days=draw.between(1, 7)))
    choices.append(event("cancelled", "", when=draw.one(["now", "at_end", "notice"])))
    running = any(today in days for days in life.periods)
    if begun and running and (freeze is None or freeze_ends < today):
        unit, count = draw.one(TERMS)
        keep = draw.below(2) == 0
        choices.append(event("changed", "", on=today.isoformat(), unit=unit, count=count, keep_end=keep))
        choices.append(event("transferred", "", on=today.isoformat()))
    return choices


DONE = {"sold": "sold", "renewed": "renewed", "frozen": "frozen", "thawed": "thawed", "gifted": "given days",
        "extended": "made good for a closure", "cancelled": "cancelled", "reinstated": "reinstated",
        "changed": "moved to another plan", "transferred": "transferred", "voided": "the last of it taken back"}


def told(case_):
    first = case_["events"][0]
    steps = ", then ".join(DONE[e["kind"]] for e in case_["events"][1:])
    span = f"{first['count']} {first['unit'] if first['count'] > 1 else first['unit'][:-1]}"
    hour = f" where the day begins at {case_['day_starts_at']:02}:00" if case_["day_starts_at"] else ""
    return f"{span} from {first['start']} in {case_['zone']}{hour}" + (f": {steps}" if steps else "")


def ask(draw, built, of):
    """Days worth asking about: every event's, and both sides of every border there ever was."""
    zone, starts = built["zone"], built["day_starts_at"]
    born = min(i for i, e in enumerate(built["events"]) if of == 0 or
               sum(x["kind"] in ("changed", "transferred") for x in built["events"][:i + 1]) == of)
    days = set()
    for number in range(born, len(built["events"])):
        today = business_day(built["events"][number]["at"], zone, starts)
        days.add(today)
        found = lives(built, today)
        if of >= len(found):
            continue
        life = found[of]
        for span in life.periods:
            days |= {span[0] - DAY, span[0], span[-1], span[-1] + DAY}
        for first, count, _ in life.freezes:
            days |= {first - DAY, first, first + (count - 1) * DAY, first + count * DAY}
        if life.cut() is not None:
            days |= {life.cut(), life.cut() + DAY}
    known_from = business_day(built["events"][born]["at"], zone, starts)
    days = sorted(day for day in days if day >= known_from)
    while len(days) > 5:
        days.pop(draw.below(len(days)))
    return [answer(built, day.isoformat(), of) for day in days]


def drawn(seed, zone, start, unit, count, day_starts_at, steps):
    draw = Draw(seed)
    start = as_date(start)
    today = start - draw.one([0, 0, 0, 1, 20]) * DAY
    first = {"kind": "sold", "at": "", "start": start.isoformat(), "unit": unit, "count": count}
    if draw.below(3) == 0:
        first |= {"minimum_term_days": draw.one([30, 60, 90]), "notice_days": draw.one([7, 14, 30])}
    first["at"] = moment(draw, today, zone, day_starts_at, "")
    built = {"name": "", "zone": zone, "day_starts_at": day_starts_at, "events": [first], "queries": []}
    of, may_renew = 0, True
    for _ in range(steps):
        life = lives(built)[of]
        freeze = life.freezes[-1] if life.freezes else None
        if freeze and built["events"][-1]["kind"] == "frozen" and draw.below(2):
            today = max(today, freeze[0] + draw.below(freeze[1]) * DAY)
        else:
            today = later(draw, life, today)
        if len(built["events"]) > 1 and draw.below(8) == 0:
            last = len(built["events"]) - 1
            following = {"kind": "voided", "at": "", "event": last}
        else:
            choices = possible(draw, life, today, may_renew)
            if not choices:
                continue
            following = dict(draw.one(choices))
            if of:
                following["of"] = of
        following["at"] = moment(draw, today, zone, day_starts_at, built["events"][-1]["at"])
        if following["at"] is None:
            continue
        built["events"].append(following)
        if following["kind"] == "voided":
            break
        if following["kind"] in ("changed", "transferred"):
            of += 1
            # Which day of the month a kept end goes on with is a question for the cases by hand.
            may_renew = not following.get("keep_end", True)
    for number in range(of + 1):
        built["queries"] += ask(draw, built, number)
    built["name"] = told(built)
    return built


def chain(zone, start, count, day_starts_at, seed):
    """Renewed again and again, each time on another of the last days, and never drifting."""
    draw = Draw(seed)
    start = as_date(start)
    events = [{"kind": "sold", "at": moment(draw, start, zone, day_starts_at, ""), "start": start.isoformat(),
               "unit": "months", "count": count}]
    built = {"name": "", "zone": zone, "day_starts_at": day_starts_at, "events": events, "queries": []}
    for _ in range(7 if count == 1 else 4):
        today = lives(built)[0].last_day() + draw.between(-3, 1) * DAY
        at = moment(draw, today, zone, day_starts_at, events[-1]["at"])
        events.append({"kind": "renewed", "at": at})
    for number, renewal in enumerate(events):
        built["queries"].append(answer(built, business_day(renewal["at"], zone, day_starts_at).isoformat(), 0))
    end = lives(built)[0].last_day()
    built["queries"] += [answer(built, day.isoformat(), 0) for day in (end, end + DAY)]
    term = "month by month" if count == 1 else f"every {count} months"
    hour = f" where the day begins at {day_starts_at:02}:00" if day_starts_at else ""
    built["name"] = f"Renewed {term} from {start} in {zone}{hour}, {len(events) - 1} times"
    return built


def by_chance():
    cases, number = [], 0
    for index, zone in enumerate(ZONES):
        for offset, start in enumerate(["2024-01-31", "2026-01-31", "2026-01-30", "2024-02-29", "2025-08-31"]):
            count = 12 if start == "2024-02-29" else (1, 1, 1, 3)[(index + offset) % 4]
            cases.append(chain(zone, start, count, (0, 3, 5)[(index + offset) % 3], 7000 + number))
            number += 1
        for offset, start in enumerate(STARTS * 2):
            unit, count = TERMS[(offset * 5 + index) % len(TERMS)]
            starts_at = (0, 3, 0, 5, 3, 12)[(offset + index) % 6]
            cases.append(drawn(number, zone, start, unit, count, starts_at, 1 + offset % 6))
            number += 1
    return cases


def table():
    for group in (month_ends_and_leap_years, renewals, clocks, freezes, gifts_and_closures, cancellations,
                  changes_and_transfers, voids):
        group()
    chosen = len(CASES)
    CASES.extend(by_chance())
    names = {}
    for one in CASES:
        assert one["queries"], one["name"]
        names[one["name"]] = names.get(one["name"], 0) + 1
        if names[one["name"]] > 1:
            one["name"] += f" ({names[one['name']]})"
    print(f"{chosen} cases by hand, {len(CASES) - chosen} drawn, "
          f"{sum(len(one['queries']) for one in CASES)} queries", file=sys.stderr)
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in CASES)


if __name__ == "__main__":
    lines = table()
    if sys.argv[1:] == ["--check"]:
        if TABLE.read_text(encoding="utf-8") != lines:
            sys.exit(f"{TABLE.name} is not what this script prints")
        print(f"{TABLE.name} is what this script prints", file=sys.stderr)
    else:
        sys.stdout.write(lines)
