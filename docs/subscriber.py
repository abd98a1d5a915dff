"""Follows a gate and misses nothing; knows only events.md.  Usage: subscriber.py EVENTS REPLAY [LAST]"""

import json
import sys

import zmq

context, last, epoch = zmq.Context(), int(sys.argv[3]) if len(sys.argv) > 3 else 0, ""
live, replay = context.socket(zmq.SUB), context.socket(zmq.DEALER)
live.subscribe(b"")
live.connect(sys.argv[1])
replay.connect(sys.argv[2])


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
