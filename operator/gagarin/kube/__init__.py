"""A thin client of the Kubernetes API server: the only HTTP that this project speaks to it.

Import the modules, not this package: the chat server needs `client`, `endpoint` and `errors` only, and its
start-up time counts.
"""
