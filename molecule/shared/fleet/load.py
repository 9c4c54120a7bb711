#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks both balancers all the time, until /root/load.stop is there; then writes to /root/load.json what it got."""

from __future__ import annotations

import json
import os
import threading
import urllib.request

BALANCERS = {"haproxy": "http://127.0.0.1:8100", "apache": "http://127.0.0.1"}
STOP, RESULT = "/root/load.stop", "/root/load.json"
THREADS = 2  # for each balancer, and one more with slow requests
SLOW_SECONDS = 8
TIMEOUT = 60

lock = threading.Lock()
answers: list[dict] = []


def ask(balancer: str, seconds: int) -> dict:
    """One request: the answer, or why there is none."""
    found = {"balancer": balancer, "slow": bool(seconds), "failure": None}
    try:
        with urllib.request.urlopen(f"{BALANCERS[balancer]}/?seconds={seconds}", timeout=TIMEOUT) as answer:
            return {**found, **json.load(answer)}
    except Exception as error:
        return {**found, "failure": repr(error)}


def client(balancer: str, seconds: int) -> None:
    pause = threading.Event()
    while not os.path.exists(STOP):
        answer = ask(balancer, seconds)
        with lock:
            answers.append(answer)
        pause.wait(0.1)  # a rate, and no flood


def main() -> None:
    threads = [
        threading.Thread(target=client, args=(balancer, seconds))
        for balancer in BALANCERS
        for seconds in [0] * THREADS + [SLOW_SECONDS]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(RESULT + ".part", "w") as file:
        json.dump(answers, file)
    os.replace(RESULT + ".part", RESULT)


main()
