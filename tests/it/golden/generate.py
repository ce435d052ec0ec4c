#!/usr/bin/env python3
"""Writes the golden tables beside this file. Run it with the standard library alone: python3 generate.py

The answers come from Python's own calendar and zoneinfo and from counting minute by minute, not from the
rules in the product; a table changes only when a rule does.
"""
import calendar
import csv
import pathlib
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

HERE = pathlib.Path(__file__).parent
DAY = timedelta(days=1)


def write(name, header, rows):
    with open(HERE / name, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)
    print(f"{name}: {len(rows)} rows")


def month_on(anchor_month, anchor_day, months):
    """The anchor day that many months on, or the last day of a shorter month."""
    year, month = divmod(anchor_month.year * 12 + anchor_month.month - 1 + months, 12)
    longest = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(anchor_day, longest))


def end_days():
    """One period from its own first day."""
    starts = []
    for year in (2023, 2024, 2025, 2026):
        for month in range(1, 13):
            last = calendar.monthrange(year, month)[1]
            starts += [date(year, month, 1), date(year, month, last)]
    starts += [date(2024, 1, d) for d in (28, 29, 30, 31)] + [date(2026, 1, d) for d in (28, 29, 30, 31)]
    starts += [date(2024, 2, 28), date(2023, 2, 28), date(1900, 1, 31), date(2000, 1, 31), date(2100, 1, 31)]
    rows = []
    for index, start in enumerate(starts):
        for count in (1, 2, 3, 6, 12, 24):
            rows.append((start, "months", count, month_on(start, start.day, count) - DAY))
        for count in (1, 7, 30, 90, 365):
            # Counted on the fingers: the first day is one of them.
            day = start
            for _ in range(count - 1):
                day += DAY
            if index % 4 == 0:
                rows.append((start, "days", count, day))
    write("end_days.csv", ("start", "unit", "count", "end"), rows)


def renewals():
    """The nth period of one sold on the anchor day: each begins where the anchor says, none drifts."""
    rows = []
    anchors = [date(2026, 1, d) for d in (1, 11, 28, 29, 30, 31)]
    anchors += [date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29), date(2025, 8, 31), date(2025, 10, 30)]
    for anchor in anchors:
        for count in (1, 3, 12):
            for nth in range(0, 14 if count == 1 else 5):
                start = month_on(anchor, anchor.day, nth * count)
                following = month_on(anchor, anchor.day, (nth + 1) * count)
                rows.append((anchor, count, nth, start, following - DAY))
    write("renewals.csv", ("anchor", "months", "nth", "start", "end"), rows)


def business_days():
    """Instants around midnight, around the hour the day ends, and around every change of the clock."""
    zones = {
        "Africa/Cairo": ["2025-04-24T22:00", "2025-10-30T21:00", "2026-04-23T22:00", "2026-10-29T21:00"],
        "Europe/Berlin": ["2026-03-29T01:00", "2026-10-25T01:00"],
        "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
        "America/Santiago": ["2026-04-05T03:00", "2026-09-06T04:00"],
        "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
        "Africa/Casablanca": ["2026-02-15T02:00", "2026-03-22T02:00"],
        "Asia/Kathmandu": ["2026-07-01T18:15"],
        "Asia/Kolkata": ["2024-02-28T18:30", "2024-02-29T18:30"],
        "Pacific/Apia": ["2026-01-01T11:00"],
        "Pacific/Kiritimati": ["2025-12-31T10:00"],
        "Asia/Riyadh": ["2026-12-31T21:00"],
    }
    rows = []
    for zone, centres in zones.items():
        for centre in centres:
            centre = datetime.fromisoformat(centre).replace(tzinfo=timezone.utc)
            for minutes in (-181, -61, -31, -1, 0, 29, 59, 60, 119, 120, 179, 180, 181, 361):
                at = centre + timedelta(minutes=minutes)
                for starts in (0, 3, 6):
                    wall = at.astimezone(ZoneInfo(zone))
                    day = wall.date() - DAY if wall.hour < starts else wall.date()
                    rows.append((zone, starts, at.strftime("%Y-%m-%dT%H:%M:%SZ"), day))
    write("business_days.csv", ("zone", "day_starts_at", "at", "business_day"), rows)


def minute_of(text):
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def open_minutes(days, begin, end, starts, first, last):
    """Every minute at which the hours are open, counted day by day, between two dates."""
    begin, end = minute_of(begin), minute_of(end)
    length = (end - begin) % 1440 or 1440
    minutes = set()
    day = first - 2 * DAY
    while day <= last + 2 * DAY:
        if day.isoweekday() in days:
            midnight = datetime(day.year, day.month, day.day)
            business = midnight + timedelta(hours=starts)
            # As written, but not before the business day of that name begins.
            for minute in range(length):
                at = midnight + timedelta(minutes=begin + minute)
                if at >= business:
                    minutes.add(at)
            # The same hours after midnight, while it is still this business day.
            for minute in range(length):
                at = midnight + DAY + timedelta(minutes=begin + minute)
                if at < business + DAY:
                    minutes.add(at)
        day += DAY
    return minutes


def windows():
    """2 March 2026 is a Monday."""
    monday = date(2026, 3, 2)
    cases = [
        ("1-5", "06:00", "16:00", 0), ("1-5", "06:00", "16:00", 3), ("5", "22:00", "02:00", 0),
        ("5", "22:00", "02:00", 3), ("5", "22:00", "06:00", 3), ("5", "00:00", "24:00", 0),
        ("5", "00:00", "24:00", 3), ("5", "02:00", "10:00", 3), ("7", "20:00", "00:00", 0),
        ("7", "23:30", "00:30", 0), ("6-7", "00:00", "12:00", 5), ("1-7", "05:00", "04:00", 0),
    ]
    probes = ["00:00", "00:29", "00:30", "01:00", "01:59", "02:00", "02:30", "03:00", "05:59", "06:00", "12:00",
              "15:59", "16:00", "21:59", "22:00", "23:59"]
    rows = []
    for spec, begin, end, starts in cases:
        low, _, high = spec.partition("-")
        days = range(int(low), int(high or low) + 1)
        minutes = open_minutes(days, begin, end, starts, monday, monday + 16 * DAY)
        ordered = sorted(minutes)
        for offset in (3, 4, 5, 6):
            for probe in probes[offset % 2::2]:
                at = datetime.combine(monday + offset * DAY, datetime.strptime(probe, "%H:%M").time())
                following = "" if at in minutes else next(m for m in ordered if m > at).isoformat()
                rows.append((spec, begin, end, starts, at.isoformat(), str(at in minutes).lower(), following))
    write("windows.csv", ("days", "from", "to", "day_starts_at", "at", "open", "opens_next"), rows)


end_days()
renewals()
business_days()
windows()
