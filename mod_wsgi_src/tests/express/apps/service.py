# A service script: tells its log what it sees, then works until it is ended.
import json
import os
import time

found = {name: value for name, value in os.environ.items() if name.startswith("MOD_WSGI_")}
print("service sees", json.dumps({"os": found, "uid": os.getuid(), "pid": os.getpid()}), flush=True)
while True:
    time.sleep(0.1)
