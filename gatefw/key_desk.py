"""Orders about the keys of the bus: who gets one, whose is taken away. Whoever may give orders here may give keys."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol

from gatefw.bus_keys import Grant, Keyholders, Permission, checked_z85
from gatefw.control import Answer, Done, Order, Rejected
from gatefw.errors import GateError, Refusal, SetupError
from gatefw.model import Fact, FactKind, Reason
from gatefw.order_args import text, texts

VERBS = frozenset(("keys", "key_new", "key_revoke", "key_rotate"))
Reply = Callable[[Answer], None]


class Reopens(Protocol):
    """The bus: what is connected to it can be ended."""

    def reopen(self, then: Callable[[], None]) -> None: ...


class KeyDesk:
    """`order` may write a small file, and waits for nothing else."""

    def __init__(self, holders: Keyholders, bus: Reopens, record: Callable[[Fact], None]) -> None:
        self._holders, self._bus, self._record = holders, bus, record

    def order(self, order: Order, reply: Reply) -> None:
        """Do one of `VERBS`. Raises Refusal, StoreError."""
        try:
            match order.verb:
                case "keys":
                    reply(Done({**self._gate(), "keys": [_told(each) for each in self._holders.listed()]}))
                case "key_new":
                    self._new(order, reply)
                case "key_revoke":
                    self._revoke(order, reply)
                case _:
                    self._rotate(order, reply)
        except GateError as error:
            if order.verb != "keys":
                self._ordered(order, accepted=False)
            reply(Rejected.by(error))

    def _new(self, order: Order, reply: Reply) -> None:
        """The daemon never sees the client's secret."""
        try:
            public = checked_z85(order.args.get("public"), "public")
            may = [Permission(each) for each in texts(order.args, "may")]
        except (SetupError, ValueError) as error:
            raise Refusal(f"key_new: {error}; may: some of {', '.join(Permission)}") from error
        made = self._holders.grant(text(order.args, "name"), public, may)
        allowed = tuple((each.value, each in made.may) for each in Permission)
        self._record(Fact(FactKind.KEY_GRANTED, None, (("key", made.name), *allowed, ("by", order.by))))
        reply(Done({**self._gate(), **_told(made)}))

    def _revoke(self, order: Order, reply: Reply) -> None:
        gone = self._holders.revoke(text(order.args, "name"))
        self._record(Fact(FactKind.KEY_REVOKED, None, (("key", gone.name), ("by", order.by))))
        self._bus.reopen(lambda: reply(Done({"name": gone.name, "revoked": True, "connections": "ended"})))

    def _rotate(self, order: Order, reply: Reply) -> None:
        server = self._holders.rotate()
        self._ordered(order, accepted=True)
        self._bus.reopen(lambda: reply(Done({"server": server, "connections": "ended"})))

    def _gate(self) -> dict[str, object]:
        return {"server": self._holders.server[0], **asdict(self._holders.endpoints)}

    def _ordered(self, order: Order, *, accepted: bool) -> None:
        reason = Reason.OK if accepted else Reason.NOT_NOW
        fields = (("verb", order.verb), ("by", order.by), ("accepted", accepted), ("reason", reason))
        self._record(Fact(FactKind.OPERATOR_ORDERED, None, fields))


def _told(grant: Grant) -> dict[str, object]:
    return {"name": grant.name, "public": grant.public, "may": sorted(grant.may)}
