def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"app {environ['SCRIPT_NAME']!r} {environ['PATH_INFO']!r}".encode()]
