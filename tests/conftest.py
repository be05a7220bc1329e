"""How much Hypothesis looks for, in all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For a night: `pytest --hypothesis-profile=deep`.
settings.register_profile("deep", settings.get_profile("usual"), max_examples=5000)
settings.load_profile("usual")
