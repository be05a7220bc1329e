"""The gateway: the REST API of the service that Gagarin used to be, over the custom resources.

It has no rights over users' resources. The caller's bearer token goes to the API server with each call, so
that RBAC decides there; chats go to the Instance's pods with the gateway's own token, which says for whom
it asks, so that the pods ask RBAC. It keeps nothing: no keys, no tokens, no conversations.
"""
