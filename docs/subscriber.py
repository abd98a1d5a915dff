"""Follows a gate and misses nothing; knows only events.md.  Usage: subscriber.py KEYFILE [LAST]"""

import json
import pathlib
import sys

import zmq

key, last, epoch = json.loads(pathlib.Path(sys.argv[1]).read_text()), int(sys.argv[2]) if len(sys.argv) > 2 else 0, ""
context = zmq.Context()
live, replay = context.socket(zmq.SUB), context.socket(zmq.DEALER)
for sock, name in (live, "events"), (replay, "replay"):
    sock.curve_serverkey = key["server"].encode()
    sock.curve_publickey, sock.curve_secretkey = key["public"].encode(), key["secret"].encode()
    if sock is live:
        sock.subscribe(b"")
    sock.connect(key[name])


def take(event):
    global last
    if event["epoch"] == (epoch or event["epoch"]) and int(event["sequence"]) == last + 1:
        last += 1
        print(json.dumps(event), flush=True)


while True:  # ask at the start, at a gap, and after a second of silence
    replay.send_multipart([epoch.encode(), last.to_bytes(8, "big")])
    while replay.poll(3000):
        kind, first, second = replay.recv_multipart()
        if kind == b"HEAD":
            break
        if kind == b"REMOVED":  # by retention: nobody gets those any more
            last = max(last, int.from_bytes(second, "big"))
            continue
        take(json.loads(second))
    else:
        continue  # nobody there: ask again
    if epoch not in ("", first.decode()):
        last = 0  # another journal: from its beginning
    epoch, newest = first.decode(), int.from_bytes(second, "big")
    while last >= newest and live.poll(1000):
        event = json.loads(live.recv_multipart()[2])
        take(event)
        newest = int(event["sequence"]) if event["epoch"] == epoch else last + 1
