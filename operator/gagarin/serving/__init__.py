"""What every HTTP service of ours needs, whatever it answers: the chat server and the gateway are made of it.

options       command line and environment
logs          JSON lines
errors        what keeps a process from starting, and what an answer of 4xx or 5xx is
problems      how such an answer is written, and those that any service gives
body          a request's body, read within bounds
subprotocols  a bearer token among the subprotocols of a WebSocket
requests      a request as seen from around it: its route, what the router says, an answer cut off
ops           the second port: health, readiness, metrics
signals       the end of a process
"""
