"""Every golden case: the output in the repository is what the code makes of the input today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.cases import cases, produce


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case.name))
def test_the_output_is_what_the_input_becomes(case: Path) -> None:
    expected = {path.name: path.read_text(encoding="utf-8") for path in (case / "output").iterdir()}
    assert produce(case) == expected, "after reading the difference: python -m tests.golden.cases"
