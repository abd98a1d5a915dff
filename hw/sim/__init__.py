"""The simulated world: doors that take time, people who walk, and the peers on the wire that live drivers talk to.

Its own process (`python -m hw.sim`), never imported by live code. `settings`, `history`, `door`, `physics`, `audit`,
`steps`, `people` and `pins` are pure: time is handed in, so they serve real and virtual time alike. `scanner`,
`frames`, `peers`, `control` and `server` are the edge; `client` is how tests and the demo speak to it.
"""
