"""One file for each area that the doctor looks at, found by listing. A file exports `CHECKS`, in their order.

A check is a function of `Seen` that yields `Finding`s; the first line of its docstring is what it is about, as shown
while it runs, and where it could not be made.
"""
