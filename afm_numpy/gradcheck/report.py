"""What was found: a verdict, a table, and for each array that is not right a sentence that says why."""

from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, SupportsIndex

from .._files import printable

COLUMNS = ("parameter", "status", "rel. error", "at", "analytic", "numeric", "checked", "directions", "kinks")


class Entry(NamedTuple):
    """What was found for one array. An entry is true when its gradient is right.

    Right are "ok"; "float32", right as far as float32 can show; and "zero", it vanishes, and may. Wrong is "error".
    With "kink", "blind", "unused", "random" and "mutates" nobody can tell: the note says why, and what helps.
    """

    name: str
    status: str
    error: float  # worst difference / largest entry of the array
    at: Any  # its coordinate (a tuple), or the name of a direction
    analytic: float
    numeric: float
    size: int
    coordinates: int  # compared
    directions: int  # compared
    kinks: int  # set aside, because f has a kink within the step
    note: str

    def __bool__(self) -> bool:
        return self.status in ("ok", "float32", "zero")


@dataclass(frozen=True, repr=False)
class Report:
    """Result of `check`, true when all is right: ``print(report)`` is a table, and ``report["W"]`` an `Entry`."""

    method: str
    rtol: float
    entries: dict[str, Entry]

    def __getitem__(self, name: str) -> Entry:
        return self.entries[name]

    @property
    def ok(self) -> bool:
        """True when every gradient was checked and is right."""
        return all(self.entries.values())

    def __bool__(self) -> bool:
        return self.ok

    def _texts(self) -> tuple[str, str, list[tuple[str, ...]], list[str]]:
        """Method, verdict, the rows of the table, and the notes."""
        rows: list[tuple[str, ...]] = []
        for e in self.entries.values():
            numbers = f"{e.error:.1e}", str(e.at), f"{e.analytic:.8g}", f"{e.numeric:.8g}"
            counts = f"{e.coordinates} of {e.size}", str(e.directions), str(e.kinks)
            rows.append((printable(e.name), e.status, *numbers, *counts))
        notes = [printable(f"{e.name}: {e.note}") for e in self.entries.values() if e.note]
        verdict = f"{'all' if self.ok else 'NOT all'} gradients are right"
        return f"method {self.method}, tolerance {self.rtol:.0e} of the largest entry", verdict, rows, notes

    def __str__(self) -> str:
        method, verdict, rows, notes = self._texts()
        rows = [COLUMNS, *rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
        table = ["  ".join(map("{:{}{}}".format, row, "<<><>>>>>", widths)) for row in rows]
        return "\n".join([f"{method}: {verdict}", *table, *notes])

    def __repr__(self) -> str:
        return _Lines(self)

    def _repr_html_(self) -> str:
        method, verdict, rows, notes = self._texts()

        def line(entry: Entry, row: tuple[str, ...]) -> str:       # bold where something is wrong
            return _html_row(("✓", *row), "td") if entry else _html_row(("✗", *row), "th")

        lines = "".join(map(line, self.entries.values(), rows))
        title = f"<p><b>{'✓' if self.ok else '✗'} {verdict}</b> ({method})</p>"
        return f"{title}<table>{_html_row(('', *COLUMNS), 'th')}{lines}</table><p>{'<br>'.join(map(escape, notes))}</p>"


class _Lines(str):
    """Text that keeps its lines when pytest shows a failed assertion. It would cut them off and write them as one."""

    def __len__(self) -> int:
        return 1

    def replace(self, old: str, new: str, /, *count: SupportsIndex) -> str:
        return str(self).replace(old, "\n~" if old == "\n" else new, *count)  # pytest keeps a line that begins with ~


def _html_row(texts: tuple[str, ...], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(text)}</{tag}>' for text in texts)}</tr>"
