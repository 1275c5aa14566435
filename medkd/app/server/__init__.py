"""Server of the viewer: the ``medkd app`` command, the ASGI application, and the HTTP server that runs it."""
