"""
An independent reader of a segment, written from docs/formats.md alone: it uses Python's standard library, and the zstd tool
for the frames. Prints what it has found as JSON; ends with an error where the file is not as it is described.
"""

import base64
import hashlib
import json
import struct
import subprocess
import sys

ENTRY = struct.Struct(">16s8sIHIB8sHH")


def sha256(data):
    return hashlib.sha256(data).digest()


def check(holds, what):
    if not holds:
        sys.exit(f"not as described: {what}")


body = open(sys.argv[1], "rb").read()
check(body[-11:] == b'SYNCLOG1"}\n', "the end")
head_bytes, footer_bytes = int(body[-27:-19], 16), int(body[-19:-11], 16)
data, footer = body[:-footer_bytes], body[-footer_bytes:]

# The frame, block by block, as RFC 8878 has it.
line_bytes = struct.unpack("<I", footer[5:9])[0]
check(footer[:5] == b"\x28\xb5\x2f\xfd\xa0", "the frame's header")
line = b""
at, last = 9, False
while not last:
    block = int.from_bytes(footer[at : at + 3], "little")
    last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
    check(kind == 0 and size <= 128 * 1024, "a raw block")
    line += footer[at + 3 : at + 3 + size]
    at += 3 + size
check(at == len(footer) and len(line) == line_bytes, "the length of the footer")
check(footer[at - size :].startswith(b'{"format":2,"set"'), "the head at the begin of the last block")

document = json.loads(line)
check(document["format"] == 1, "the format")
index, head = base64.b64decode(document["index"]), document["head"]
head_text = footer[at - size : at - size + head_bytes]
check(json.loads(head_text) == head, "the head")
check(base64.b64encode(sha256(index + head_text)).decode() == document["sum"], "the footer's sum")
check(base64.b64encode(sha256(data)).decode() == head["dataSha256"] and len(data) == head["dataBytes"], "the data's sum")

lines = []
frame_of_line = []
for number, frame in enumerate(head["frames"]):
    packed = data[frame["offset"] : frame["offset"] + frame["bytes"]]
    raw = subprocess.run(["zstd", "-dc"], input=packed, stdout=subprocess.PIPE, check=True).stdout
    some = raw.decode().splitlines()
    check(len(some) == frame["records"], "the records of a frame")
    lines += [json.loads(line) for line in some]
    frame_of_line += [number] * len(some)
check(len(lines) == head["records"], "the number of records")
check(lines[0]["sequence"] == head["first"] and lines[-1]["sequence"] == head["last"], "first and last")

entries = [ENTRY.unpack_from(index, at) for at in range(0, len(index), ENTRY.size)]
check(len(entries) == len(lines) and entries == sorted(entries, key=lambda e: (e[0], e[2])), "the order of the index")
for key_hash, item_hash, ordinal, frame, after, flags, old_hash, day, old_day in entries:
    line = lines[ordinal]
    check(frame == frame_of_line[ordinal], "the frame of an entry")
    check(head["fromMs"] + after == line["created"], "the time of an entry")
    check(["local", "applier", "expiry"][flags & 3] == line["origin"], "the origin of an entry")
    check(bool(flags & 4) == (line["event"] == "REMOVE"), "the removal of an entry")
    check(("new" in line) == (item_hash != bytes(8)), "the item hash of an entry")
    check(("old" in line) == (old_hash != bytes(8)), "the old item hash of an entry")
    check(bool(flags & 16), "that what was there before is known")
    check(day == 0 and old_day == 0, "that nothing expires")

json.dump({"head": head, "lines": lines, "hashes": {e[0].hex(): lines[e[2]]["keys"] for e in entries}}, sys.stdout)
