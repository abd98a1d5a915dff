"""What the face models can and cannot do, measured on folders of photographs; no running lane needs any of it.

album         a folder looked at once: templates, qualities, what was refused
scores        distances of people to themselves and to others, for fused frames and templates
rates         error rates with intervals over people; group_rates, open_set: between groups, and one with many
calibrate     the same as tables of a model card
discard       what leaving out the worst pictures is worth; fusion_gain: what several are worth
attacks       simulated presentation attacks, and what motion and a challenge make of them
"""
