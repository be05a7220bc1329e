"""The Agent that most tests of `gagarin dev` have, as it is written in a file."""

from __future__ import annotations

API = "apiVersion: gagarin.fyodorov.ai/v1alpha1"
AGENT = f"""\
{API}
kind: Agent
metadata: {{name: greeter}}
spec:
  prompt: Be brief.
  model: {{providerRef: {{name: models}}, name: small}}
"""
