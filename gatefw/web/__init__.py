"""What the pages of a gate share: the traveller's screen, the officer's console, the technician's page.

    shell     an application: its pages, its static files, and headers that forbid a browser everything else
    board     the newest of something, for threads that put it there and browsers that follow it (server-sent events)
    serve     runs an application on an address of this machine, until it is told to end

Nothing here knows what is shown. Whoever reaches the port can read the page: it is for the browser of this machine, and
a console that others shall reach has TLS (`serve`).
"""
