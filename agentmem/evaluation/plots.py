"""Plots as SVG text, drawn by matplotlib without a screen; imported only when a page is made."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentmem.evaluation.report import Bars, Lines, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0b5fa5", "#d1701b", "#5b8c3a", "#8a8f98", "#7a4fa3", "#b03a48")
"""Told apart by most colour-blind readers and, by their lightness, in print."""
MARKERS = "osD^vP"
DASHES = ("-", "--", ":")
"""What tells lines apart where there are more of them than colours."""
SIZE = (7.2, 3.6)


def svg(plot: Lines | Bars) -> str:
    """Return the plot as an <svg> element that scales with the page; equal plots give equal text."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(
        {
            "font.family": "sans-serif",
            "font.size": 10,
            "svg.fonttype": "none",
            "svg.hashsalt": plot.title,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": "#8a8f98",
            "axes.axisbelow": True,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "grid.color": "#e3e6ea",
            "legend.frameon": False,
        }
    ):
        figure = Figure(figsize=SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        if isinstance(plot, Lines):
            _lines(axes, plot)
        else:
            _bars(axes, plot)
        axes.set_ylabel(plot.y_label)
        if sum(not series.faint for series in plot.series) > 1:
            figure.legend(
                loc="outside upper left",
                ncols=min(sum(not series.faint for series in plot.series), 5),
                handlelength=1.5,
                fontsize=9,
            )
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(drawn.getvalue(), plot.title)


def _lines(axes: Axes, plot: Lines) -> None:
    places = list(range(len(plot.x)))
    for series in plot.series:
        if series.faint:
            kept = [i for i in places if series.values[i] is not None]
            axes.plot(kept, [float(series.values[i] or 0.0) for i in kept], color="#c9ced6", linewidth=0.8, zorder=1)
    for number, series in enumerate(series for series in plot.series if not series.faint):
        colour = COLOURS[number % len(COLOURS)]
        kept = [i for i in places if series.values[i] is not None]
        values = [float(series.values[i] or 0.0) for i in kept]
        marker, dashes = MARKERS[number % len(MARKERS)], DASHES[number // len(COLOURS) % len(DASHES)]
        axes.plot(kept, values, marker=marker, linestyle=dashes, color=colour, label=series.name, markersize=5)
        if series.low and series.high:
            low = [float(series.low[i] or 0.0) for i in kept]
            high = [float(series.high[i] or 0.0) for i in kept]
            axes.fill_between(kept, low, high, color=colour, alpha=0.12, linewidth=0)
    axes.set_xticks(places, [str(x) for x in plot.x])
    axes.set_xlabel(plot.x_label)
    axes.set_ylim(0, 1.02)


def _bars(axes: Axes, plot: Bars) -> None:
    width = 0.82 / max(len(plot.series), 1)
    for number, series in enumerate(plot.series):
        places = [group + (number - (len(plot.series) - 1) / 2) * width for group in range(len(plot.groups))]
        axes.bar(
            places,
            [value or 0.0 for value in series.values],
            width * 0.92,
            color=COLOURS[number % len(COLOURS)],
            label=series.name,
            yerr=_errors(series),
            error_kw={"elinewidth": 0.8, "ecolor": "#444a52"},
        )
    axes.set_xticks(range(len(plot.groups)), list(plot.groups))
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 1.02)


def _errors(series: Series) -> Sequence[Sequence[float]] | None:
    if not series.low or not series.high:
        return None
    bounds = list(zip(series.values, series.low, series.high, strict=True))
    return (
        [max(0.0, (v or 0.0) - (low or 0.0)) for v, low, _ in bounds],
        [max(0.0, (high or 0.0) - (v or 0.0)) for v, _, high in bounds],
    )


def _inline(document: str, title: str) -> str:
    """Return the <svg> element of an SVG document, named for those who cannot see it, its size left to the page."""
    from html import escape

    element = document[document.index("<svg") :]
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    return element.replace("<svg", f'<svg role="img" aria-label="{escape(title, quote=True)}"', 1)
