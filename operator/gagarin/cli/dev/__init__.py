"""`gagarin dev`: the same manifests without a cluster.

A folder is read and resolved with the code of the operator (`plan`), every Instance is a process on loopback
(`servers`, `programs`) that is told what a pod is told (`inputs`), tokens and access come from an issuer of
its own (`authority`), and changes of files are followed (`watch`). `session` puts it together; `state` is
what stays when it ends, and how `gagarin chat` finds it.
"""
