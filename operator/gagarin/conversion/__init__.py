"""From a YAML configuration of the service that Gagarin used to be, to manifests.

    text -> shapes (what is there, checked) -> providers, models, tools, agents -> manifests and notes

Pure: nothing is read and nothing is applied here, so that `gagarin convert` and the gateway come to the same.
Whatever has no counterpart is told in a note that names it; nothing is dropped in silence.
"""
