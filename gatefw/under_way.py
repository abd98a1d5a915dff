"""The passages under way: the one the lane serves, and at most one that waits in front while the last traveller leaves.

What each method returns is what follows of it, effects and events for the lane, in the order in which they are due.
Each passage's facts, questions and tickets are its own, so nothing of one is ever taken for the other's. The one that
waits may be looked up, judged and turned away; what lets it further, being let in or an ADMIT, waits for the lane.
"""

from collections.abc import Callable, Iterator

from gatefw.clearance import Beginning, Clear
from gatefw.front import Confirming, Presence
from gatefw.gate_settings import GateSettings
from gatefw.gate_terms import Answered, Ask, Asking, CancelAsk, LaneSensed, Record, TokenRead
from gatefw.lane_terms import State
from gatefw.model import (
    Confirm,
    Decided,
    Decision,
    DoorId,
    Fact,
    FactKind,
    Failed,
    Inside,
    Invited,
    LaneEvent,
    LetIn,
    Phase,
    Presented,
    Purpose,
    Reason,
    Reply,
    Request,
    RunId,
    Timer,
    Token,
    Verdict,
)
from gatefw.passage import Passage

Step = Ask | CancelAsk | Record | LaneEvent
ADMITTED = (Phase.EXIT_RELEASED, Phase.LEAVING)
SHOWN_S = 8.0
"""So long after its end does a lane that is free again show why somebody was turned away."""


class UnderWay:
    """Of one lane."""

    def __init__(
        self, settings: GateSettings, clear: Clear, new_run: Callable[[], RunId], tickets: Iterator[int]
    ) -> None:
        self.served: Passage | None = None
        self.waiting: Passage | None = None
        self._settings, self._clear, self._new_run, self._tickets = settings, clear, new_run, tickets
        self._by_token = settings.begins is Beginning.TOKEN
        self._presence = Presence(_in_zone(settings), settings.again_s)
        self._confirming = Confirming()
        self._turned_away: tuple[Reason, float] | None = None  # the newest that did not pass, until when it is shown

    @property
    def passages(self) -> list[Passage]:
        """The one that is served first."""
        return [each for each in (self.served, self.waiting) if each is not None]

    # ------------------------------------------------------------ in front

    def sensed(self, event: LaneSensed) -> None:
        self._presence.sensed(event)
        self._confirming.sensed(event)

    def unread(self) -> None:
        """Nobody reads the sensors any more."""
        self._presence.unread()

    def attends(self, lane: State) -> bool:
        """Whether somebody stands in front of an idle lane, so that time alone may begin a run."""
        return not self._by_token and lane.phase is Phase.IDLE and self._presence.there

    def takes_tokens(self, lane: State, now_s: float) -> bool:
        """Whether a token that is read now begins a run; else it is nobody's, and is not kept for later."""
        may_wait = self.waiting is None and self._why_unserved(lane, now_s) is None
        return self._by_token and (lane.phase is Phase.IDLE or may_wait)

    def asking(self, lane: State, now_s: float) -> Asking:
        """What is wanted of people now."""
        served, waiting = (None if each is None else each.asking for each in (self.served, self.waiting))
        wants = ((DoorId.ENTRY, lane.wants_entry), (DoorId.EXIT, lane.wants_exit))
        out = tuple(door for door, purpose in wants if purpose is Purpose.WAY_OUT)
        return Asking(served, waiting, self.takes_tokens(lane, now_s), out)

    def token_read(self, read: TokenRead, lane: State, now_s: float) -> list[Step]:
        if not self.takes_tokens(lane, now_s):
            return []
        return self._begin(read.reader, read.token, now_s, waits=lane.phase is not Phase.IDLE)

    def look_in_front(self, lane: State, now_s: float) -> list[Step]:
        """Whoever waits there is next once the lane is idle, or is told that nothing will come of it."""
        if self.waiting is not None:
            why = self._why_unserved(lane, now_s)
            if why is not None:
                return self._end_waiting(why, now_s)
            return self._serve_waiting(now_s) if lane.phase is Phase.IDLE else []
        if self.attends(lane) and self._presence.due(now_s):
            self._presence.began()
            return self._begin(self._settings.identifier, Token(b""), now_s, waits=False)
        return []

    def hear_traveller(self, lane: State, now_s: float) -> list[Step]:
        """What they say to what they are shown, if they are asked.

        Whoever began a run by standing in front ends it by stepping away, whatever is asked about them. Who stands
        there next is somebody else, and is neither shown what was read of them nor let through in their place.
        """
        there = lane.phase is Phase.TOKEN_PRESENTED
        if self.served is not None and there and not self._by_token and self._presence.seen_empty:
            run, left = self.served.run, Failed(Reason.WALKED_AWAY)
            return [step for number in self.served.open for step in self.answered(Answered(run, number, left), now_s)]
        said = self._confirming.answer(now_s)
        return [] if said is None else self.answered(said, now_s)

    def _why_unserved(self, lane: State, now_s: float) -> Reason | None:
        """Why nobody may wait in front; None while an admitted traveller leaves and the lane is as it should be."""
        if not lane.in_service:
            return Reason.CLOSED
        if not lane.healthy:
            return Reason.DEVICE_LOST
        if lane.stop:
            return Reason.STOPPED
        late = self.waiting is not None and now_s - self.waiting.began_s >= self._settings.timers[Timer.LEAVE]
        on_the_way = lane.phase in ADMITTED or lane.phase is Phase.IDLE
        return None if self._settings.pipelining and on_the_way and not late else Reason.NOT_NOW

    # ------------------------------------------------------------ a passage goes on

    def _begin(self, reader: str, token: Token, now_s: float, *, waits: bool) -> list[Step]:
        passage = Passage(self._new_run(), self._clear(token, self._settings.terms), now_s)
        fields = (("reader", reader), ("symbology", token.symbology))
        started = Record(Fact(FactKind.PASSAGE_STARTED, passage.run, fields))
        self._turned_away = None
        if waits:
            self.waiting = passage
            return [started, *self._go_on(passage, None, now_s)]
        self.served = passage
        return [started, Presented(), *self._go_on(passage, None, now_s)]

    def _serve_waiting(self, now_s: float) -> list[Step]:
        """It goes on from what it waits for."""
        passage, self.waiting = self.waiting, None
        assert passage is not None
        self.served, self._turned_away = passage, None
        asks = not isinstance(passage.at, LetIn | Decision)
        return [Presented(), *(() if asks else self._reached(passage, passage.at, now_s))]

    def answered(self, event: Answered, now_s: float) -> list[Step]:
        """An answer to a question of a live passage, with what is written down of it; any other is dropped."""
        for passage in (self.served, self.waiting):
            if passage is not None and passage.run == event.run and passage.waits_for(event.number):
                reply = passage.answered(event.number, event.reply)
                then = [] if reply is None else self._go_on(passage, reply, now_s)
                return [*(Record(fact) for fact in passage.facts_of(event)), *then]
        return []

    def inside(self, now_s: float) -> list[Step]:
        """The traveller whom the lane serves stands inside."""
        passage = self.served
        if passage is None or not isinstance(passage.at, LetIn):
            return []
        return self._go_on(passage, Inside(), now_s)

    def committed(self, ticket: int) -> list[Step]:
        """The admission of the passage that the lane serves is on disk; nothing, when the ticket is another's."""
        if self.served is None or self.served.ticket != ticket:
            return []
        self.served.ticket = None
        return [Decided(Verdict.ADMIT)]

    def _go_on(self, passage: Passage, reply: Reply | None, now_s: float) -> list[Step]:
        """Let a procedure go on to its next request or its decision."""
        passage.at_s = now_s
        return self._reached(passage, passage.go_on(reply), now_s)

    def _reached(self, passage: Passage, at: Request | Decision | None, now_s: float) -> list[Step]:
        served = passage is self.served
        match at:
            case None:
                return []
            case LetIn():
                return [Invited()] if served else []
            case Decision():
                return self._decided(passage, at, now_s)
        asks = [Ask(passage.run, number, question) for number, question in passage.ask(at)]
        for ask in asks:
            if isinstance(ask.request, Confirm):
                self._confirming.ask(ask, ask.request, now_s)
        return [*asks]

    def _decided(self, passage: Passage, decision: Decision, now_s: float) -> list[Step]:
        """An ADMIT reaches the lane only after its commit; everything else at once."""
        served, admits = passage is self.served, decision.verdict is Verdict.ADMIT
        if admits and not served:
            return []
        fields = (("verdict", decision.verdict), ("reason", decision.reason))
        fact = Fact(FactKind.PASSAGE_DECIDED, passage.run, fields, decision.subject)
        if admits:
            passage.ticket = next(self._tickets)
            return [Record(fact, passage.ticket)]
        then = [Decided(decision.verdict)] if served else self._end_waiting(decision.reason, now_s)
        return [Record(fact), *then]

    # ------------------------------------------------------------ ending

    def end(self, passed: bool, reason: Reason | None, now_s: float) -> list[Step]:
        """The lane is done with whom it served; a `reason` of the lane's stands before the procedure's own."""
        passage, self.served = self.served, None
        if passage is None:
            return []
        went_through = passed and bool(self._settings.policy.doors)
        self._presence.ended(now_s, went_through)
        return self._ended(passage, passed, reason, now_s)

    def _end_waiting(self, reason: Reason, now_s: float) -> list[Step]:
        passage, self.waiting = self.waiting, None
        return [] if passage is None else self._ended(passage, False, reason, now_s)

    def _ended(self, passage: Passage, passed: bool, reason: Reason | None, now_s: float) -> list[Step]:
        decided = passage.end()
        why = reason or decided
        given_up = [Record(passage.came_to_nothing(number, why)) for number in passage.open]
        if not passed:
            self._turned_away = why, now_s + SHOWN_S
        self._confirming.cancel(passage.run)
        fields = (("passed", passed), ("reason", why), ("seconds", round(now_s - passage.began_s, 3)))
        return [*given_up, Record(Fact(FactKind.PASSAGE_ENDED, passage.run, fields)), CancelAsk(passage.run)]

    def reason(self, now_s: float, *, lane_free: bool) -> Reason | None:
        """Why it is with the traveller as it is: decided and committed, or turned away a while ago."""
        if self._turned_away is not None and lane_free and now_s >= self._turned_away[1]:
            self._turned_away = None
        if self._turned_away is not None:
            return self._turned_away[0]
        decided = self.served.decision if self.served is not None and self.served.ticket is None else None
        return decided.reason if decided is not None else None


def _in_zone(settings: GateSettings) -> bool:
    """Whether people are waited for before the lane; where it has no entry door they step up to the exit door."""
    doors = settings.policy.doors
    return DoorId.ENTRY in doors or not doors
