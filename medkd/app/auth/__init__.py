"""Authentication: accounts, passwords, sessions, login pages, reverse proxy, and the middleware before every route."""
