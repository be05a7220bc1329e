"""What is wrong with a resource, as a value: the core reports problems, it does not raise them."""

from __future__ import annotations

from dataclasses import dataclass

from gagarin.core.reasons import ConditionType


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a condition is not True: a reason out of `core.reasons`, and a sentence that names the field or the
    object."""

    condition: ConditionType
    reason: str
    message: str
