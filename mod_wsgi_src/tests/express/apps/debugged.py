# For the debugging tools: each path of URLs does one thing.
import ctypes


def half(number):
    if number % 2:
        return number // 2
    return number / 2


def lines():
    yield b"one "
    yield b"two"
    raise RuntimeError("while iterating")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/crash":
        ctypes.string_at(0)  # the crashing line
    if path == "/error":
        secret = "forty-two"
        raise ValueError(f"not today {len(secret)}")
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Query", environ["QUERY_STRING"])])
    if path == "/lines":
        return lines()
    body = environ["wsgi.input"].read(3)
    return [b"half ", str(half(7)).encode(), b" ", body]
