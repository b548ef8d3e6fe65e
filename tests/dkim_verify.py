"""Says of each .eml file in a folder whether a signature on it is good.

usage: dkim_verify.py FOLDER < RECORD

RECORD is the line of a zone file under which the public key is published. Prints the name of each file
and "good" or "bad".
"""

import pathlib
import re
import sys

import dkim


def main(folder):
    line = sys.stdin.read()
    published, kind, strings = line.split(" ", 2)
    assert kind == "TXT", line
    text = "".join(re.findall(r'"([^"]*)"', strings)).encode()

    def look_up(name, timeout=5):
        return text if name.decode() == published else None

    for path in sorted(pathlib.Path(folder).glob("*.eml")):
        is_good = dkim.verify(path.read_bytes(), dnsfunc=look_up)
        print(path.name, "good" if is_good else "bad")


main(*sys.argv[1:])
