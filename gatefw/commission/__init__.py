"""Putting a gate into service: is every wire where the lane file says, and does every device do its work?

One device at a time, with a technician who stands there and a daemon that goes on owning the devices. `plan` says what
there is to be done in a lane, `technician` asks and tells, `site` speaks with the daemon, `steps` does one thing after
the other, `judge` alone concludes from what was seen, and `report` writes it down. Nothing here opens a device, and no
output is driven but by the lane's own order, with the interlock on: whatever becomes of this process, the lane ends
what was begun.
"""
