#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""restorecon where the kernel keeps no types: a file of its own does. What is wanted, the policy's matchpathcon tells.

Takes -R, -v, -n and -F. As with a kernel, a new file has the type of its directory until it is given another."""

import json
import os
import subprocess
import sys

STATE = "/var/lib/selinux/types.json"


def everything(path):
    yield path
    for directory, names, files in os.walk(path):
        for name in sorted(names + files):
            yield os.path.join(directory, name)


def wanted(paths):
    found = {}
    for begin in range(0, len(paths), 500):
        some = paths[begin : begin + 500]
        said = subprocess.run(["matchpathcon", *some], capture_output=True, text=True, check=True).stdout
        for line in said.splitlines():
            path, _, context = line.rpartition("\t")
            found[path] = context.split(":")[2] if ":" in context else None
    return found


def main():
    options = {word for word in sys.argv[1:] if word.startswith("-")}
    paths = [word for word in sys.argv[1:] if not word.startswith("-")]
    if not options <= {"-R", "-v", "-n", "-F"} or not paths:
        sys.exit(f"usage: restorecon -R [-Fnv] PATH..., not {sys.argv[1:]}")
    try:
        with open(STATE) as file:
            types = json.load(file)
    except FileNotFoundError:
        types = {}

    def now(path):
        while path not in types and path != "/":
            path = os.path.dirname(path)
        return types.get(path, "unlabeled_t")

    below = [path for top in paths for path in everything(top)]
    for path, name in wanted(below).items():
        if name and name != now(path):
            print(f"{'Would relabel' if '-n' in options else 'Relabeled'} {path} from {now(path)} to {name}")
            types[path] = name
    if "-n" not in options:
        with open(STATE, "w") as file:
            json.dump({path: name for path, name in types.items() if os.path.lexists(path)}, file)


if __name__ == "__main__":
    main()
