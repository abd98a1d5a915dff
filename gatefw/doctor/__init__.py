"""`gatefw doctor`: what is wrong with a gate and its machine, the cause first, and exactly how to mend it.

`Seen` is what is looked at, given at seams. A file in `areas/` looks at one area: its `CHECKS` are called one after
the other, and each yields `Finding`s. `examine` runs them all, `ranking` puts what they found in order. Every code has
a page, `gatefw/data/findings/<code>.md`, which `gatefw explain <code>` prints; these pages are the list of the codes.

A check only reads. It says nothing about what it could not see: a PermissionError, or `Unseen`, becomes a finding of
its own, and so does a check that breaks.
"""
