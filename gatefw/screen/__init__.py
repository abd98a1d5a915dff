"""The traveller's screen: what the lane says on its display socket, as pictures and words in a kiosk's browser.

    picture   what to show: of a line of the display socket, a picture; no clock, no I/O
    signs     which sign stands for what
    lane      what is known of a lane beforehand, and kept for when it says nothing
    album     every picture that there is, by name
    link      reads that socket, says when it is silent, sends a touch
    mirror    what the camera sees, from vision to the page, kept nowhere
    voice     recordings of what signs say
    page      serves all of it to the browser

It opens the display socket, on which nothing can be ordered: its only words are confirm and decline; and that of
vision's mirror, to which nothing can be said.
"""
