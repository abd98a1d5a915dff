"""What `make bench` runs: each file measures one thing of the gate on this machine.

    python -m bench [--rounds N] [--json] [BENCH ...]

A time alone says little on a machine whose cores are shared and whose clock wanders. So every bench measures a peer,
something plain that everybody knows (a copy of the frame, a bare interpreter, an answer from an idle process), in turn
with its subject, round by round, and the ratio is the median of the ratios of each round. Compare ratios between
machines and versions; read times as what was seen once.
"""
