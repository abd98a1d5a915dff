"""gatefw: the supervisor of a border e-gate. `hw` is the other half: how a gate senses and acts."""

__version__ = "0.1.0"
