"""The traveller's screen: what the lane says on its display socket, as pictures and words in a kiosk's browser.

    picture   what to show: of a line of the display socket, a picture; no clock, no I/O
    link      reads that socket, says when it is silent, sends a touch
    page      serves the picture to the browser

It opens the display socket alone, on which nothing can be ordered: its only words are confirm and decline.
"""
