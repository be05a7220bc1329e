"""The operator: from our custom resources to running chat servers.

    watches -> Store -> Graph.affected(key) -> WorkQueue -> reconcile(key) -> differences applied, status
    written

`reconcile` reads the store and makes idempotent writes; what things mean is decided in `gagarin.core`, which
is pure. kopf watches our own kinds (`watch`), a thin client the rest (`feeds`).
"""
