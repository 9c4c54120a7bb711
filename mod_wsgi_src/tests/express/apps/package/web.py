import os

ANSWER = "first"


class _Application:
    def wsgi(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
        return [ANSWER.encode()]


site = _Application()
application = site.wsgi
number = 7
