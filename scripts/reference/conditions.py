"""Every condition and its reasons, from the table that the operator and the command line use."""

from __future__ import annotations

from gagarin.core.reasons import REASONS
from scripts.reference.markdown import escaped, table

INTRODUCTION = """\
# Conditions and reasons

Each kind has `Accepted`, `ResolvedRefs` and `Ready`. `Ready` takes over the reason of one of the others that
is not True; `Reconciling` and `Stalled` are there only while they are True, with the reason of `Ready`. What
to do about each of them is in [troubleshooting](../troubleshooting.md), what they are for in
[status](../concepts/status.md).
"""
OUTLOOKS = {
    "Fine": "all is well",
    "Stopped": "all is well, and nothing runs",
    "Moving": "`Reconciling`: wait",
    "Stalled": "`Stalled`: somebody has to act",
}


def page() -> str:
    """The whole page."""
    rows = (
        (f"`{it.condition}`", it.status, f"`{it.name}`", escaped(it.meaning), OUTLOOKS[it.outlook])
        for it in REASONS
    )
    lines = table(("condition", "status", "reason", "meaning", "what follows"), rows)
    return "\n".join([INTRODUCTION, *lines, ""])
