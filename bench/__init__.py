"""Benchmarks: what the chat server costs, beside a direct call and a reverse proxy in the same run.

`python -m bench` prints one JSON line a figure; README.md beside this file says what each one means.
"""
