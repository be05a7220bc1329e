"""The reference pages in docs/reference, made of what the programs themselves use.

Each module makes one page of a source that cannot be out of date: the definitions, the reasons, the routes,
the commands, the chart's values. `__main__` writes the pages, or compares them.
"""
