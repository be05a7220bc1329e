"""The chat server: one process in one pod, one Instance.

It verifies who calls, asks RBAC, keeps the conversation and asks the model. The way of a chat through the
modules: `app` -> `auth.gate` -> `body` -> `chat` -> `history` and `provider` -> `replies`. Everything that it
needs to know stands in one `core.config.Config`, made by the operator.

What is imported here is imported at every start of every pod: neither pydantic, kopf, kubernetes nor openai.
"""
