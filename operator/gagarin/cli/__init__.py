"""The command line: what a person runs on their own machine. No program of the cluster imports it."""
