"""Rows of figures, and how they are printed: reStructuredText and JSON."""

import dataclasses
import json
import textwrap


@dataclasses.dataclass
class Row:
    """One figure. `value` and `goal` are numbers where there is a target: `higher` says whether
    more is better. `measured` and `beside` are for people, `details` for programs."""

    figure: str
    measured: str
    beside: str = ""
    value: float = None
    goal: float = None
    higher: bool = True
    target: str = ""
    details: dict = dataclasses.field(default_factory=dict)

    @property
    def is_met(self):
        return self.value >= self.goal if self.higher else self.value <= self.goal

    @property
    def verdict(self):
        return "" if self.goal is None else "met" if self.is_met else "MISSED"

    @property
    def score(self):
        """How far it is: 1 is the target, more is better, whatever its unit is."""
        if self.goal is None:
            return None
        if self.higher:
            return self.value / self.goal
        if self.goal == 0:
            return 1.0 if self.value <= 0 else 0.0
        return self.goal / max(self.value, self.goal / 100)

    def as_json(self):
        return {**dataclasses.asdict(self), "verdict": self.verdict, "score": self.score}


def at_least(figure, value, goal, beside="", text=None, **details):
    """A ratio, unless `text` says how it is written."""
    return Row(figure, text or f"{value:.2f}", beside, value, goal, True, f">= {goal:g}", details)


def at_most(figure, value, goal, unit, beside="", digits=1, **details):
    return Row(figure, f"{value:.{digits}f} {unit}".strip(), beside, value, goal, False,
               f"<= {goal:g} {unit}".strip(), details)


def note(figure, measured, beside="", **details):
    """A figure without a target."""
    return Row(figure, measured, beside, details=details)


TITLES = ("figure", "measured", "target", "verdict", "beside it")
BESIDE = 64


def as_text(rows):
    """As reStructuredText, to be kept in README.rst."""
    cells = [TITLES] + [(row.figure, row.measured, row.target, row.verdict, row.beside)
                        for row in rows]
    wrapped = [(*cell[:-1], textwrap.wrap(cell[-1], BESIDE) or [""]) for cell in cells]
    widths = [max(len(cell[n]) for cell in cells) for n in range(len(TITLES) - 1)]
    widths.append(max(len(line) for cell in wrapped for line in cell[-1]))
    rule = "  ".join("=" * width for width in widths)
    text = [rule]
    for number, (*first, beside) in enumerate(wrapped):
        for n, line in enumerate(beside):
            parts = first if n == 0 else [""] * len(first)
            text.append("  ".join(part.ljust(width) for part, width in
                                  zip([*parts, line], widths)).rstrip())
        if number == 0:
            text.append(rule)
    return "\n".join([*text, rule])


def as_json(about, settings, rows):
    return json.dumps({"machine": about, "settings": settings,
                       "figures": [row.as_json() for row in rows]}, indent=1) + "\n"
