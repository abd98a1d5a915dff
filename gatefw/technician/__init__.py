"""The technician's page: what a gate does and what its doctor says, for a browser on the gate itself.

    rounds  looks at the gate as `gatefw doctor` does, again and again while somebody reads
    told    what is known of both, as the page is sent it
    page    serves it: every address is read, none takes an order

What the lane does comes from `gatefw.watch`, which lets through nothing that names anybody. Nothing here can order: it
is handed a way to ask, and asks for what `gatefw watch` does.
"""
