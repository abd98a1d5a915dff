"""gatefw face: what the face models can and cannot do, measured on this machine."""

from typing import Any

from gatefw.cli import face_attacks, face_calibrate, face_capacity, face_fusion, face_measure, face_quality

PARTS = (face_measure, face_calibrate, face_capacity, face_fusion, face_quality, face_attacks)


def add_parser(commands: Any) -> None:
    """Add `face` with what its parts add."""
    group = commands.add_parser("face", help="measure the face models: errors, thresholds, capacity, attacks")
    inner = group.add_subparsers(required=True)
    for part in PARTS:
        part.add_parser(inner)
