"""Who calls, and whether it may: tokens are verified here, RBAC is asked, nothing is ever open.

`gate` puts the parts together: `tokens` verifies with the keys in `keys`, `access` asks for reviews, and
`authority` is the API server behind both.
"""
