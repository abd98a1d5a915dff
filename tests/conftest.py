"""Shared by all tests. Its presence puts this folder on the path, for `peers`."""

from hypothesis import HealthCheck, settings

# A machine that is busy or draws its first Unicode table is slow, not wrong.
settings.register_profile("gate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gate")
