"""A lane on a terminal, for the people who fit and mend gates: what it does now, read from outside and never steered.

    source   asks the control socket and follows the events, on threads of its own
    seen     what is known of the gate: messages in, one frozen value out
    picture  that value as lines of text, for a terminal of any size
    screen   the lines on a terminal, and in maintenance the keys

A terminal that is slow, or hangs, holds up nobody: the source goes on, keeps the newest of everything, and what the
gate would say meanwhile it is not asked for. No personal data can appear: a word is shown only where it looks like one
of ours, an event only where it fits the outward schema.
"""
