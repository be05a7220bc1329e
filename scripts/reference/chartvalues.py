"""Every value of the charts, from their values.yaml and the comments in it."""

from __future__ import annotations

from scripts.charts import CHARTS, values_of
from scripts.reference.markdown import ROOT, escaped, table

INTRODUCTION = """\
# Values of the charts

A value that does not exist, or has a wrong type, is refused. How the charts are used is in
[installing](../install.md).
"""


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for chart in CHARTS:
        values = values_of((ROOT / "charts" / chart / "values.yaml").read_text(encoding="utf-8"))
        rows = ((f"`{value.path}`", f"`{value.default}`", escaped(value.meaning)) for value in values)
        lines += [f"## {chart}", "", *table(("value", "default", "meaning"), rows), ""]
    return "\n".join(lines).rstrip() + "\n"
