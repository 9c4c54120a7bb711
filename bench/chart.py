# SPDX-License-Identifier: Apache-2.0
"""Draws what a JSON of the bench says: CPU time for each request, a group of bars for each workload."""

from __future__ import annotations

from html import escape

from goals import Samples, cpu_us

COLOURS = {
    "C handler": "#9aa0a6",
    "reference embedded": "#e8a87c",
    "ours embedded": "#2a7f9e",
    "reference daemon": "#d1603d",
    "Debian's daemon": "#e3c16f",
    "uwsgi behind httpd": "#b7a57a",
    "gunicorn behind httpd": "#8d7b99",
    "ours daemon": "#14495c",
}
WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 860, 170, 60, 15, 30, 44
STYLE = "font-family:system-ui,sans-serif;font-size:12px;fill:#333"


def draw(samples: Samples) -> str:
    """Each workload has a scale of its own: the longest bar is the whole width."""
    room = WIDTH - LEFT - RIGHT
    parts, y = [], TOP
    for workload, rows in samples.items():
        costs = {name: cpu_us(taken) for name, taken in rows.items()}
        most = max(costs.values())
        parts.append(f'<text x="8" y="{y + 12}" font-weight="bold">{escape(workload)}</text>')
        y += 20
        for name, cost in costs.items():
            length = max(1.0, room * cost / most)
            parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
            box = f'x="{LEFT}" y="{y + 1}" width="{length:.1f}" height="{BAR - 2}"'
            parts.append(f'<rect {box} fill="{COLOURS.get(name, "#888888")}"/>')
            parts.append(f'<text x="{LEFT + length + 5:.1f}" y="{y + 12}">{cost:.0f}</text>')
            y += BAR
        y += GAP - BAR
    title = '<text x="8" y="24" font-size="15px">CPU time for each request, microseconds (less is better)</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">'
        f'<rect width="100%" height="100%" fill="#fff"/><g style="{STYLE}">{title}\n'
        + "\n".join(parts)
        + "\n</g></svg>\n"
    )
