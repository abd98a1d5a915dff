"""A lane file in virtual time: the real Gate, procedure and rules, a simulated world, and people who come to pass.

What is measured and what is pretended: doors, beams, walking and every decision are the lane's own; who answers about
faces and fingers is scripted (`scripted`), or the real chain of models (`gatefw.biometrics.real_matcher`). The stories
of the people (`stories`) are told once, here, and are what `gatefw simulate`, `gatefw systems` and the scenario tests
play.
"""
