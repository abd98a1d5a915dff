"""The next traveller's token is read while the last one leaves: two runs at once, and nothing of one is the other's."""

from collections.abc import Callable

import pytest
from gate_bench import ANNA, ENTRY, EXIT, MATCH, Bench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gatefw.clearance import Beginning
from gatefw.clearance.contactless import clear
from gatefw.gate_terms import (
    Answered,
    Ask,
    Asking,
    CancelAsk,
    Committed,
    DeviceCame,
    DeviceWent,
    Drive,
    Effect,
    Ordered,
    Record,
    Show,
    TokenRead,
)
from gatefw.model import (
    Answer,
    Asked,
    CheckEligibility,
    Decision,
    Eligible,
    FaceCompared,
    FactKind,
    Failed,
    Faulted,
    Ineligible,
    Input,
    LookUpRecord,
    Occupancy,
    Phase,
    Position,
    Purpose,
    Reason,
    RecordFound,
    RunId,
    SubjectId,
    Timer,
    Token,
    Verb,
    Verdict,
)

BOB = TokenRead("reader.front", Token(b"BOB"))


def pipelined(**how: object) -> Bench:
    return Bench(clear, None, "door.exit_door", pipelining=True, **how)


def leaving(bench: Bench | None = None) -> Bench:
    """Anna is admitted and the exit is open; she has not stepped out yet."""
    bench = bench or pipelined()
    bench.give(DeviceCame("door.exit_door")).inside().answer(MATCH).commit().commit()
    bench.door(EXIT, Position.OPEN)
    assert bench.phase is Phase.LEAVING
    return bench


def out(bench: Bench) -> Bench:
    """Anna has left by the exit, which is secured behind her."""
    return bench.people(Occupancy.EMPTY).door(EXIT, Position.SECURED)


def ended(bench: Bench, run: str) -> list[object]:
    return [end["reason"] for end in bench.of(FactKind.PASSAGE_ENDED, run)]


def test_the_next_traveller_is_looked_up_while_the_last_one_leaves_and_invited_when_the_lane_is_idle() -> None:
    bench = leaving().give(BOB)
    assert (bench.ask().run, bench.ask().request) == ("run-2", LookUpRecord(Token(b"BOB")))
    bench.answer(RecordFound(SubjectId("b" * 32)))
    assert (bench.phase, bench.driven()[-1]) == (Phase.LEAVING, (EXIT, Purpose.ADMIT))
    out(bench)
    assert ended(bench, "run-1") == ["ok"]
    assert bench.phase is Phase.ENTRY_RELEASED
    bench.commit()
    bench.now_s += 1.0
    assert (ENTRY, Purpose.ENTER) in bench.later(0.1).driven()[-2:]
    (released,) = [fact for fact in bench.facts(FactKind.DOOR_RELEASED) if ("purpose", Purpose.ENTER) in fact.fields][
        1:
    ]
    assert released.run == "run-2"


def test_a_token_read_already_while_the_exit_is_only_released_waits_as_well() -> None:
    bench = pipelined().give(DeviceCame("door.exit_door")).inside().answer(MATCH).commit().commit()
    assert bench.phase is Phase.EXIT_RELEASED
    bench.give(BOB)
    assert bench.ask().run == "run-2"


def test_what_is_written_down_of_the_one_who_waits_is_theirs() -> None:
    bench = leaving().give(BOB)
    ask = bench.ask()
    bench.give(Answered(ask.run, ask.number, RecordFound(SubjectId("b" * 32))))
    bench.answer(Ineligible((("age", Reason.UNDER_AGE),), Verdict.REFER))
    assert bench.of(FactKind.RULE_FAILED, "run-2") == [{"rule": "age", "reason": "under_age"}]
    assert bench.of(FactKind.RULE_FAILED, "run-1") == []


def test_a_late_answer_to_the_first_run_is_no_answer_to_the_one_who_waits() -> None:
    bench = leaving().give(BOB)
    late = Answered(RunId("run-1"), bench.ask().number, Failed(Reason.TOKEN_UNKNOWN))
    bench.give(late)
    assert ended(bench, "run-2") == []
    assert bench.gate.runs.waiting is not None


@pytest.mark.parametrize("pipelining", [False, True])
def test_only_the_commit_of_the_admission_itself_admits(pipelining: bool) -> None:
    bench = Bench(clear, pipelining=pipelining).inside().answer(MATCH)
    (own,) = [e.ticket for e in bench.last if isinstance(e, Record) and e.fact.kind is FactKind.PASSAGE_DECIDED]
    assert own is not None
    bench.give(*(Committed(ticket) for ticket in range(own)), Committed(own + 1))
    assert bench.phase is Phase.VERIFYING
    bench.give(Committed(own))
    assert bench.phase is Phase.EXIT_RELEASED


def test_a_screen_in_front_is_told_of_the_next_one_and_a_screen_inside_of_who_leaves() -> None:
    bench = leaving()
    assert bench.asking == Asking((), None, invites=True)
    bench.give(BOB)
    assert bench.asking == Asking((), (Asked.LOOK_UP_RECORD,))
    out(bench)
    assert bench.asking == Asking((Asked.LOOK_UP_RECORD,), None)


def test_an_answer_that_comes_after_the_lane_is_idle_lets_the_run_go_on_like_any_other() -> None:
    bench = out(leaving().give(BOB))
    assert bench.phase is Phase.TOKEN_PRESENTED
    bench.answer(RecordFound(SubjectId("b" * 32)))
    assert bench.phase is Phase.ENTRY_RELEASED


def test_whoever_is_turned_away_while_they_wait_is_told_at_once_and_the_next_token_is_taken() -> None:
    bench = leaving().give(BOB).answer(Failed(Reason.TOKEN_UNKNOWN))
    assert ended(bench, "run-2") == ["token_unknown"]
    assert bench.of(FactKind.PASSAGE_DECIDED, "run-2") == [{"verdict": "refuse", "reason": "token_unknown"}]
    assert (bench.phase, bench.shows) == (Phase.LEAVING, Show(Phase.LEAVING, Reason.TOKEN_UNKNOWN))
    bench.give(TokenRead("reader.front", Token(b"CARL")))
    assert bench.ask().run == "run-3"
    assert ended(out(bench), "run-1") == ["ok"]


def test_one_waits_at_most() -> None:
    bench = leaving().give(BOB)
    assert not bench.gate.takes_tokens
    bench.give(TokenRead("reader.front", Token(b"CARL")))
    assert bench.ask().run == "run-2"


def _goes(device: str) -> Callable[[Bench], object]:
    return lambda bench: bench.give(DeviceWent(device))


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (lambda bench: bench.people(Occupancy.ONE, Input.FIRE), "not_now"),
        (lambda bench: bench.people(Occupancy.ONE, Input.STOP), "stopped"),
        (lambda bench: bench.give(Faulted(Reason.OVERFLOW)), "not_now"),
        (lambda bench: bench.give(Ordered(1, Verb.CLOSE, "uid-1000")), "closed"),
        (_goes("vision"), "device_lost"),
        (lambda bench: bench.door(EXIT, Position.SECURED), "not_now"),  # Anna went back and is let out by the entry
        (lambda bench: bench.later(5.0), "not_now"),  # the leave time of the bench
    ],
)
def test_anything_out_of_the_ordinary_ends_the_run_that_waits(happens: Callable[[Bench], object], reason: str) -> None:
    bench = leaving().give(BOB)
    happens(bench)
    assert ended(bench, "run-2") == [reason]
    assert bench.of(FactKind.PASSAGE_DECIDED, "run-2") == []
    assert [e for e in bench.last if isinstance(e, CancelAsk)][-1] == CancelAsk(bench.ask().run)


def test_a_lane_that_may_not_pipeline_takes_no_token_while_somebody_leaves() -> None:
    bench = leaving(Bench(clear, None, "door.exit_door")).give(BOB)
    assert bench.ask().run == "run-1"
    faces = Bench(clear, begins=Beginning.PRESENCE, pipelining=True).idle()
    assert not faces.gate.takes_tokens


def test_no_token_is_taken_while_a_traveller_is_still_being_verified_or_turned_away() -> None:
    bench = pipelined().give(DeviceCame("door.exit_door")).inside().give(BOB)
    assert bench.ask().run == "run-1"
    bench.answer(FaceCompared(False, 0.8, 0.542, 0.001, 5)).give(BOB)
    assert (bench.phase, bench.ask().run) == (Phase.REFUSED, "run-1")


def _admits_at_once(_token: Token, _terms: object) -> object:
    found = yield LookUpRecord(_token)
    return Decision(Verdict.ADMIT, Reason.OK, found.subject)


def test_an_admission_that_is_decided_while_waiting_opens_nothing_for_the_one_before() -> None:
    """A procedure without a second look: what it decides in front belongs to whoever stands there, not to Anna."""
    bench = leaving()
    bench.gate.runs._clear = _admits_at_once  # type: ignore[assignment]
    ask = bench.give(BOB).ask()
    bench.give(Answered(ask.run, ask.number, RecordFound(ANNA))).commit()
    assert bench.of(FactKind.PASSAGE_DECIDED, "run-2") == []
    out(bench).commit()
    assert bench.of(FactKind.PASSAGE_DECIDED, "run-2") == [{"verdict": "admit", "reason": "ok"}]
    assert bench.phase is Phase.TOKEN_PRESENTED


# ---------------------------------------------------------------- properties

KINDS = ("passes", "unknown", "under_age", "impostor", "no_face")


def reply_to(ask: Ask, kind: str) -> Answer:
    """What records and vision say of a traveller of this kind."""
    match ask.request:
        case LookUpRecord():
            return Failed(Reason.TOKEN_UNKNOWN) if kind == "unknown" else RecordFound(SubjectId(kind))
        case CheckEligibility():
            if kind == "under_age":
                return Ineligible((("age", Reason.UNDER_AGE),), Verdict.REFER)
            return Eligible()
    if kind == "no_face":
        return Failed(Reason.NO_FACE)
    return FaceCompared(kind == "passes", 0.3, 0.542, 0.001, 3)


class Play:
    """Travellers go through a lane one after the other; each shows their token as soon as the lane takes it."""

    def __init__(self, kinds: list[str], pipelining: bool) -> None:
        self.bench = Bench(clear, pipelining=pipelining).idle()
        self.waiting, self.kind_of, self.done = list(kinds), {}, 0
        for _ in range(60 * len(kinds)):
            if not self.waiting and self.bench.phase is Phase.IDLE and self.bench.gate.runs.served is None:
                break
            self._step()

    def _step(self) -> None:
        bench = self.bench
        if self.waiting and bench.gate.takes_tokens:
            before = len(bench.facts(FactKind.PASSAGE_STARTED))
            bench.give(TokenRead("reader.front", Token(b"A")))
            started = bench.facts(FactKind.PASSAGE_STARTED)
            if len(started) > before:
                self.kind_of[started[-1].run] = self.waiting.pop(0)
        for ask in [effect for effect in bench.effects[self.done :] if isinstance(effect, Ask)]:
            self.done = bench.effects.index(ask) + 1
            bench.give(Answered(ask.run, ask.number, reply_to(ask, self.kind_of[ask.run])))
        bench.commit().later(1.0)
        self._walk()

    def _walk(self) -> None:
        bench = self.bench
        match bench.phase:
            case Phase.ENTRY_RELEASED if bench.gate.leases.held(ENTRY):
                bench.door(ENTRY, Position.OPEN).people(Occupancy.ONE).later(1.0).door(ENTRY, Position.SECURED)
            case Phase.EXIT_RELEASED if bench.gate.leases.held(EXIT):
                bench.door(EXIT, Position.OPEN)
            case Phase.LEAVING:
                bench.people(Occupancy.EMPTY).door(EXIT, Position.SECURED)
            case Phase.REFUSED | Phase.REFERRED if bench.gate.leases.held(ENTRY):
                bench.door(ENTRY, Position.OPEN).people(Occupancy.EMPTY).later(1.0).door(ENTRY, Position.SECURED)
            case Phase.RECOVERING:
                bench.over(Timer.SCAN)

    @property
    def outcomes(self) -> list[tuple[str, object, object, object]]:
        """Of each run in order: its traveller, what was decided, and how it ended."""
        told = []
        for fact in self.bench.facts(FactKind.PASSAGE_STARTED):
            assert fact.run is not None
            (decided,) = self.bench.of(FactKind.PASSAGE_DECIDED, fact.run)
            (end,) = self.bench.of(FactKind.PASSAGE_ENDED, fact.run)
            told.append((self.kind_of[fact.run], decided["verdict"], end["passed"], end["reason"]))
        return told


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
def test_the_same_travellers_get_the_same_decisions_with_and_without_pipelining(kinds: list[str]) -> None:
    plain, piped = Play(kinds, pipelining=False), Play(kinds, pipelining=True)
    assert [kind for kind, *_ in plain.outcomes] == kinds
    assert piped.outcomes == plain.outcomes
    assert all(passed is (kind == "passes") for kind, _, passed, _ in plain.outcomes)


class TwoAtOnce(RuleBasedStateMachine):
    """Tokens, answers, commits, people and mishaps in any order, in a lane that pipelines."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = pipelined().give(DeviceCame("door.exit_door")).idle()
        self.kind_of: dict[str, str] = {}
        self.asks: list[Ask] = []
        self.tickets: list[int] = []
        self.inside: str | None = None  # whose traveller stepped in
        self.seen = 0
        self.admissions: dict[int, str | None] = {}  # whose admission a ticket is
        self.admitted: set[str | None] = set()  # whose is on disk

    def _did(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Ask():
                    self.asks.append(effect)
                case Record(fact, ticket):
                    if ticket is not None:
                        self.tickets.append(ticket)
                        self.admissions[ticket] = fact.run if fact.kind is FactKind.PASSAGE_DECIDED else None
                case Drive(_, _, Purpose.ADMIT):
                    assert self.inside in self.admitted, "somebody else's admission opened the exit"

    def _give(self, do: Callable[[], object]) -> None:
        do()
        new, self.seen = self.bench.effects[self.seen :], len(self.bench.effects)
        self._did(new)

    @rule(kind=st.sampled_from(KINDS))
    def shows_a_token(self, kind: str) -> None:
        before = len(self.bench.facts(FactKind.PASSAGE_STARTED))
        self._give(lambda: self.bench.give(TokenRead("reader.front", Token(b"A"))))
        started = self.bench.facts(FactKind.PASSAGE_STARTED)
        if len(started) > before:
            self.kind_of[str(started[-1].run)] = kind

    @precondition(lambda self: self.asks)
    @rule(which=st.integers(0, 99), again=st.booleans())
    def is_answered(self, which: int, again: bool) -> None:
        ask = self.asks[which % len(self.asks)]
        if not again:
            self.asks.remove(ask)
        reply = reply_to(ask, self.kind_of[ask.run])
        self._give(lambda: self.bench.give(Answered(ask.run, ask.number, reply)))

    @precondition(lambda self: self.tickets)
    @rule(which=st.integers(0, 99))
    def is_committed(self, which: int) -> None:
        ticket = self.tickets.pop(which % len(self.tickets))
        self.admitted.add(self.admissions[ticket])
        self._give(lambda: self.bench.give(Committed(ticket)))

    @rule(ticket=st.integers(1, 9))
    def a_ticket_is_said_to_be_committed_once_more(self, ticket: int) -> None:
        if self.admissions.get(ticket) is None or ticket not in self.tickets:
            self._give(lambda: self.bench.give(Committed(ticket)))

    @initialize(kind=st.sampled_from(KINDS))
    def a_traveller_is_admitted_and_the_next_one_comes(self, kind: str) -> None:
        """As it should go, so that two at once are the rule."""
        self.shows_a_token("passes")
        for _ in range(3):
            self.things_go_on()
        self.shows_a_token(kind)
        assert self.bench.gate.runs.waiting is not None

    @rule()
    def things_go_on(self) -> None:
        """Everything that is asked is answered, what is written is committed, and whoever may walk walks."""
        for ask in list(self.asks):
            self.is_answered(self.asks.index(ask), False)
        while self.tickets:
            self.is_committed(0)
        if self.bench.gate.leases.held(ENTRY) is Purpose.ENTER:
            self.steps_in()
            self.entry_closes()
        elif self.bench.gate.leases.held(EXIT) is Purpose.ADMIT and self.bench.phase is Phase.EXIT_RELEASED:
            self.exit_opens()
        elif self.bench.phase is Phase.LEAVING:
            self.lane_is_left_and_secured()
        elif self.bench.phase is Phase.RECOVERING:
            self.lane_is_left_and_secured()
            self.time_is_over(Timer.SCAN)

    @precondition(lambda self: self.bench.gate.leases.held(ENTRY) is Purpose.ENTER)
    @rule()
    def steps_in(self) -> None:
        served = self.bench.gate.runs.served
        self.inside = served.run if served else None
        self._give(lambda: self.bench.door(ENTRY, Position.OPEN).people(Occupancy.ONE))

    @rule()
    def entry_closes(self) -> None:
        self._give(lambda: self.bench.later(1.0).door(ENTRY, Position.SECURED))

    @precondition(lambda self: self.bench.gate.leases.held(EXIT) is Purpose.ADMIT)
    @rule()
    def exit_opens(self) -> None:
        self._give(lambda: self.bench.door(EXIT, Position.OPEN))

    @rule()
    def lane_is_left_and_secured(self) -> None:
        self.inside = None
        self._give(
            lambda: self.bench.people(Occupancy.EMPTY).door(EXIT, Position.SECURED).door(ENTRY, Position.SECURED)
        )

    @rule(timer=st.sampled_from(list(Timer)))
    def time_is_over(self, timer: Timer) -> None:
        self._give(lambda: self.bench.over(timer))

    @rule(
        what=st.sampled_from(
            [
                Faulted(Reason.OVERFLOW),
                DeviceWent("vision"),
                DeviceCame("vision"),
                Ordered(0, Verb.CLOSE, "uid-1"),
                Ordered(0, Verb.OPEN, "uid-1"),
                Ordered(0, Verb.RESET, "uid-1"),
            ]
        )
    )
    def something_happens(self, what: Faulted | DeviceWent | DeviceCame | Ordered) -> None:
        self._give(lambda: self.bench.give(what))

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self._give(lambda: self.bench.later(seconds))

    @invariant()
    def each_run_starts_once_and_ends_at_most_once_and_two_are_open_at_most(self) -> None:
        started = [fact.run for fact in self.bench.facts(FactKind.PASSAGE_STARTED)]
        ended = [fact.run for fact in self.bench.facts(FactKind.PASSAGE_ENDED)]
        assert len(set(started)) == len(started)
        assert len(set(ended)) == len(ended)
        runs = self.bench.gate.runs
        still = {passage.run for passage in (runs.served, runs.waiting) if passage is not None}
        assert set(started) - set(ended) == still

    @invariant()
    def nobody_waits_in_front_unless_an_admitted_traveller_is_on_the_way_out(self) -> None:
        if self.bench.gate.runs.waiting is not None:
            assert self.bench.phase in (Phase.EXIT_RELEASED, Phase.LEAVING)

    @invariant()
    def what_is_decided_and_compared_is_each_runs_own(self) -> None:
        for fact in self.bench.facts(FactKind.PASSAGE_DECIDED):
            passes = self.kind_of[str(fact.run)] == "passes"
            assert (("verdict", Verdict.ADMIT) in fact.fields) is passes
        for fact in self.bench.facts(FactKind.RULE_FAILED):
            assert self.kind_of[str(fact.run)] == "under_age"
        for fact in self.bench.facts(FactKind.FACE_COMPARED):
            assert dict(fact.fields)["matched"] is (self.kind_of[str(fact.run)] == "passes")

    def teardown(self) -> None:
        self._give(lambda: self.bench.give(Faulted(Reason.OVERFLOW)))
        started = {fact.run for fact in self.bench.facts(FactKind.PASSAGE_STARTED)}
        assert started == {fact.run for fact in self.bench.facts(FactKind.PASSAGE_ENDED)}


TwoAtOnce.TestCase.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTwoAtOnce = TwoAtOnce.TestCase
