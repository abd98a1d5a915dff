"""How gatefw gets onto a machine, is replaced by another version, and leaves. See docs/decisions/0048.

    stick        a directory with everything and a list of SHA-256s    stick_make   how it is made
    environment  one version: a virtual environment of its own, unpacked, never resolved or built here
    system       users, units, rules, the lane file
    upgrade      from one version to another, recorded before each step, and back
    machine      systemd and the running daemon
    saved        people's stores, kept for the way back
    removal      what goes, and what stays

It runs out of a wheel on a machine where nothing is installed yet: the standard library is all it has. What needs more
(`signing`, `self_test`) runs in a version that is installed.
"""
