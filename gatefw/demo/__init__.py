"""A day at the lane: real daemon, real processes, real time, a simulated gate and the people in it.

    stage      starts and ends the processes, in a directory of their own
    witness    reads what the gate publishes
    scene      what a story has in its hands: world, gate, witness, and whom it sends in
    stories    what happens, one function a story
    play       plays the stories one after the other and judges how each ended
    pages      the traveller's screen and the officer's console, for a browser
    screen     what is seen of it in a terminal

Only these may know the simulated world; nothing live does.
"""
