"""Whole conditions of interlock and leases that can be left out untold, and why: a second one stands beside each."""

HARMLESS = {
    "leases.reconcile: without `if self.approved.get(door) is not want: ...`": (
        "`Gate._obey` forgets an approval with every new release as well; test_leases tells"
    ),
    "leases.reconcile: without `if want is None: ...`": (
        "a denial that was said before for the same reason is not said again, and the lane waits for its timer"
    ),
}

UNTAKEN = {
    "entering on occupancy, both secured, one inside": (
        "a level is told once, when it changes: a lane that is empty between secured doors has left this phase before"
    ),
}
"""Rows of the lane's table that no state takes which a gate can reach."""
