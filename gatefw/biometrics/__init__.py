"""Faces: pictures to probes, probes to distances, templates to a sealed gallery. Nothing here knows a door."""
