"""A model server with scripted answers that speaks the OpenAI protocol.

It stands where a vendor's API would stand, in the demo, in tests and in benchmarks: no key, no account, no
network, the same answer every time. What it says, how fast, and how it fails is chosen by the request (a
header or a directive in the message) or by a script file; README.md beside this file lists all of it. It
keeps a record of what it was asked, so that a test can see what really arrived.
"""
