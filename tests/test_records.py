"""Who may be looked up, and what the store tells whom: its owner everything, a thief nothing."""

import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gatefw.errors import Refusal, StoreError
from gatefw.identifier import new_identifier
from gatefw.model import Failed, Reason, RecordFound, SubjectId, Token
from gatefw.record_terms import MAIN, Agreed, Consent, Modality, Orphans, RecordState
from gatefw.records import Records

KEY = bytes(range(32))
NOW = 1_800_000_000.0
LATER = NOW + 3600.0
YEAR_S = 365 * 86400.0
CARD = Token(b"A1234567")
CONSENT = Consent(frozenset({Modality.FACE}), NOW)
FACTS = {"name": "Chan Tai Man", "document": "A1234567"}


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with closing(Records(tmp_path / "records", KEY)) as records:
        yield records


def register(
    records: Records, *tokens: Token, consent: Consent = CONSENT, expires_at: float = NOW + YEAR_S
) -> SubjectId:
    subject = records.enrol(tokens or (CARD,), FACTS, consent, expires_at)
    records.activate(subject, NOW)
    return subject


def state_of(records: Records, subject: SubjectId) -> RecordState:
    return next(each.state for each in records.list() if each.subject == subject)


# ---------------------------------------------------------------- looking up


def test_any_of_a_travellers_tokens_finds_the_record(records: Records) -> None:
    code = Token(new_identifier(), "]Q1")
    subject = register(records, CARD, code)
    assert records.look_up(CARD, NOW) == RecordFound(subject)
    assert records.look_up(code, NOW) == RecordFound(subject)
    assert records.facts(subject) == FACTS


def test_a_record_is_nobodys_until_its_template_exists(records: Records) -> None:
    subject = records.enrol([CARD], FACTS, CONSENT, NOW + YEAR_S)
    assert records.look_up(CARD, NOW) == Failed(Reason.NOT_ENROLLED)
    records.activate(subject, NOW)
    assert records.look_up(CARD, NOW) == RecordFound(subject)
    records.disable(subject, NOW)
    assert records.look_up(CARD, NOW) == Failed(Reason.NOT_ENROLLED)


def test_each_refusal_has_its_own_reason(records: Records) -> None:
    assert records.look_up(Token(b"!"), NOW) == Failed(Reason.TOKEN_MALFORMED)
    assert records.look_up(CARD, NOW) == Failed(Reason.TOKEN_UNKNOWN)
    subject = register(records)
    records.revoke(subject, NOW)
    assert records.look_up(CARD, NOW) == Failed(Reason.RECORD_REVOKED)
    for consent in (frozenset[Modality](), frozenset({Modality.FINGER})):
        token = Token(new_identifier())
        register(records, token, consent=Consent(consent, NOW))
        assert records.look_up(token, NOW) == Failed(Reason.NO_CONSENT)


def test_a_record_lasts_until_the_second_it_expires(records: Records) -> None:
    subject = register(records, expires_at=NOW + 10)
    assert records.look_up(CARD, NOW + 9.999) == RecordFound(subject)
    assert records.look_up(CARD, NOW + 10) == Failed(Reason.RECORD_EXPIRED)
    assert records.look_up(CARD, NOW + 1000) == Failed(Reason.RECORD_EXPIRED)


def test_everything_is_still_there_after_a_restart(tmp_path: Path, records: Records) -> None:
    subject = register(records)
    records.close()
    with closing(Records(tmp_path / "records", KEY)) as again:
        assert again.look_up(CARD, NOW) == RecordFound(subject)
        assert [(r.subject, r.partition, r.state, r.consents, r.expires_at, r.revoked_at) for r in again.list()] == [
            (subject, MAIN, RecordState.ACTIVE, (Agreed(Modality.FACE, NOW),), NOW + YEAR_S, None)
        ]


# ---------------------------------------------------------------- enrolling and revoking


def test_a_token_belongs_to_one_record_in_use(records: Records) -> None:
    first = records.enrol([CARD], FACTS, CONSENT, NOW + YEAR_S)
    for _ in range(2):  # pending, then active
        with pytest.raises(Refusal, match="revoke that one first"):
            records.enrol([Token(new_identifier()), CARD], FACTS, CONSENT, NOW + YEAR_S)
        assert len(records.list()) == 1
        if state_of(records, first) is RecordState.PENDING:
            records.activate(first, NOW)


def test_a_traveller_who_was_revoked_can_be_enrolled_anew_with_the_same_card(records: Records) -> None:
    first = register(records)
    records.revoke(first, NOW)
    second = register(records)
    assert first != second
    assert records.look_up(CARD, NOW) == RecordFound(second)


def test_revoking_erases_the_document_from_every_file(tmp_path: Path, records: Records) -> None:
    subject = register(records)
    with closing(sqlite3.connect(tmp_path / "records")) as database:
        sealed = database.execute("select facts_sealed from traveller").fetchone()[0]
    assert any(sealed in file.read_bytes() for file in tmp_path.iterdir())
    records.revoke(subject, NOW + 5)
    assert not any(sealed[12:28] in file.read_bytes() for file in tmp_path.iterdir())
    with pytest.raises(Refusal, match="revoked"):
        records.facts(subject)
    assert records.list()[0].revoked_at == NOW + 5


def test_an_enrolment_without_a_readable_token_is_refused(records: Records) -> None:
    for tokens in ([Token(b"?")], [CARD, Token(b"A123456(7)")]):
        with pytest.raises(Refusal, match="enrol:") as caught:
            records.enrol(tokens, FACTS, CONSENT, NOW + YEAR_S)
        assert "A123456" not in str(caught.value)
    assert records.list() == []


def test_what_is_not_in_the_right_state_is_refused_by_name(records: Records) -> None:
    subject = register(records)
    with pytest.raises(Refusal, match="cannot become active: it is active"):
        records.activate(subject, NOW)
    records.revoke(subject, NOW)
    for change in (records.activate, records.disable, records.revoke):
        with pytest.raises(Refusal, match="it is revoked"):
            change(subject, NOW)
        with pytest.raises(Refusal, match="there is none"):
            change(SubjectId("nobody"), NOW)
    with pytest.raises(Refusal):
        records.facts(SubjectId("nobody"))


# ---------------------------------------------------------------- record and template


def test_what_a_crash_left_is_disabled_at_start_and_templates_of_nobody_are_named(records: Records) -> None:
    whole = register(records)
    without_template = register(records, Token(new_identifier()))
    pending = records.enrol([Token(new_identifier())], FACTS, CONSENT, NOW + YEAR_S)
    revoked = register(records, Token(new_identifier()))
    records.revoke(revoked, NOW)
    stranger = SubjectId("stranger")
    orphans = records.reconcile({whole, pending, revoked, stranger}, LATER)
    assert orphans == Orphans(tuple(sorted((without_template, pending))), tuple(sorted((pending, revoked, stranger))))
    assert state_of(records, whole) is RecordState.ACTIVE
    assert state_of(records, without_template) is RecordState.DISABLED
    assert state_of(records, pending) is RecordState.DISABLED
    assert records.reconcile({whole}, LATER) == Orphans((), ())


# ---------------------------------------------------------------- what is known, agreed to, and changed


def test_what_is_known_is_the_facts_and_what_the_store_knows_itself(records: Records) -> None:
    subject = register(records)
    records.agree(subject, Consent(frozenset({Modality.FINGER}), NOW + 5))
    for touchpoint in ("check-in", "bag-drop", "check-in"):
        records.touch(subject, touchpoint, NOW)
    assert records.about(subject, NOW) == {
        **FACTS,
        "registered": "yes",
        "partition": MAIN,
        "consent.face": "given",
        "consent.finger": "given",
        "journey.passed": "check-in bag-drop",
    }
    assert records.registered(subject).consents == (Agreed(Modality.FACE, NOW), Agreed(Modality.FINGER, NOW + 5))


def test_nothing_is_known_of_who_is_not_registered_any_more(records: Records) -> None:
    assert records.about(SubjectId("nobody"), NOW) == Failed(Reason.NOT_REGISTERED)
    subject = records.enrol([CARD], FACTS, CONSENT, NOW + 10)
    assert records.about(subject, NOW) == Failed(Reason.NOT_ENROLLED)
    records.activate(subject, NOW)
    assert records.about(subject, NOW + 10) == Failed(Reason.RECORD_EXPIRED)
    records.touch(subject, "check-in", NOW)
    records.revoke(subject, NOW)
    assert records.about(subject, NOW) == Failed(Reason.RECORD_REVOKED)
    assert records.store.rows("select * from touchpoint") == []
    records.touch(SubjectId("nobody"), "check-in", NOW)
    assert records.store.rows("select * from touchpoint") == []


def test_a_consent_that_was_withdrawn_is_not_one_that_was_never_given(records: Records) -> None:
    subject = register(records, consent=Consent(frozenset({Modality.FACE, Modality.FACTS}), NOW))
    assert records.withdraw(subject, {Modality.FACE, Modality.FINGER}, NOW + 5) == [Modality.FACE]
    assert records.look_up(CARD, NOW) == Failed(Reason.CONSENT_WITHDRAWN)
    known = records.about(subject, NOW)
    assert isinstance(known, dict)
    assert (known["consent.face"], known["consent.facts"], "consent.finger" in known) == ("withdrawn", "given", False)
    assert records.registered(subject).consents[0] == Agreed(Modality.FACE, NOW, NOW + 5)
    for again in ({Modality.FACE}, {Modality.FINGER}):
        with pytest.raises(Refusal, match="nothing of this was agreed to"):
            records.withdraw(subject, again, NOW)


def test_facts_that_may_not_be_kept_any_more_are_erased_from_every_file(tmp_path: Path, records: Records) -> None:
    subject = register(records, consent=Consent(frozenset({Modality.FACE, Modality.FACTS}), NOW))
    with closing(sqlite3.connect(tmp_path / "records")) as database:
        sealed = database.execute("select facts_sealed from traveller").fetchone()[0]
    records.withdraw(subject, set(Modality), NOW)
    assert not any(sealed[12:28] in file.read_bytes() for file in tmp_path.iterdir())
    known = records.about(subject, NOW)
    assert isinstance(known, dict) and "name" not in known
    with pytest.raises(Refusal, match="erased"):
        records.change_facts(subject, {"name": "Wong"})


def test_a_new_document_changes_the_facts_it_names_and_no_other(records: Records) -> None:
    subject = register(records, consent=Consent(frozenset(Modality), NOW))
    records.change_facts(subject, {"name": "Wong", "permit.kind": "resident", "document": ""})
    assert records.facts(subject) == {"name": "Wong", "permit.kind": "resident"}
    records.disable(subject, NOW)
    with pytest.raises(Refusal, match="an active one is wanted"):
        records.change_facts(subject, {"name": "Chan"})


def test_nothing_is_written_down_of_who_agreed_to_their_face_alone(records: Records) -> None:
    subject = records.enrol([CARD], {}, Consent(frozenset({Modality.FACE}), NOW), NOW + 100)
    records.activate(subject, NOW)
    with pytest.raises(Refusal, match="did not agree that facts are kept"):
        records.change_facts(subject, {"name": "Wong"})
    assert records.facts(subject) == {}


def test_who_is_enrolled_again_is_the_same_record_with_what_is_new(records: Records) -> None:
    subject = register(records)
    records.withdraw(subject, {Modality.FACE}, NOW)
    records.disable(subject, NOW)
    records.renew(subject, Consent(frozenset({Modality.FACE}), NOW + 9), {"name": "Wong"}, NOW + 20)
    assert records.look_up(CARD, NOW) == RecordFound(subject)
    assert records.facts(subject) == {"name": "Wong"}
    assert records.registered(subject).consents == (Agreed(Modality.FACE, NOW + 9),)
    assert records.look_up(CARD, NOW + 20) == Failed(Reason.RECORD_EXPIRED)
    records.revoke(subject, NOW)
    with pytest.raises(Refusal, match="it is revoked"):
        records.renew(subject, CONSENT)


# ---------------------------------------------------------------- several daemons, and older files


def test_what_another_daemon_is_enrolling_just_now_is_left_alone(tmp_path: Path, records: Records) -> None:
    """Two lanes of one machine share the file; vision of the second comes back while the first enrols somebody."""
    with closing(Records(tmp_path / "records", KEY)) as other:
        pending = records.enrol([CARD], FACTS, CONSENT, NOW + YEAR_S)
        assert other.reconcile({pending}, NOW + 59) == Orphans((), (), unsettled=True)
        assert other.reconcile(set(), NOW + 59) == Orphans((), (), unsettled=True)
        records.activate(pending, NOW + 30)
        assert other.reconcile(set(), NOW + 89) == Orphans((), ())
        assert other.look_up(CARD, NOW) == RecordFound(pending)
        assert other.reconcile(set(), NOW + 91) == Orphans((pending,), ())
        assert records.look_up(CARD, NOW) == Failed(Reason.NOT_ENROLLED)


def test_a_template_without_consent_is_nobodys_and_its_absence_is_in_order(records: Records) -> None:
    subject = register(records)
    records.withdraw(subject, {Modality.FACE}, NOW)
    assert records.reconcile({subject}, LATER) == Orphans((), (subject,))
    assert records.reconcile(set(), LATER) == Orphans((), ())
    assert state_of(records, subject) is RecordState.ACTIVE


def test_two_daemons_write_to_one_file_at_once(tmp_path: Path, records: Records) -> None:
    with closing(Records(tmp_path / "records", KEY)) as other:

        def enrol(store: Records) -> None:
            for _ in range(10):
                register(store, Token(new_identifier()))

        threads = [threading.Thread(target=enrol, args=(store,)) for store in (records, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(records.list()) == len(other.list()) == 20


LAYOUT_1 = """
create table traveller (subject text primary key, state text not null, facts_sealed blob, consent text not null,
    consent_at real not null, expires_at real not null, revoked_at real);
create table token (hash blob primary key, subject text not null references traveller (subject));
"""


def test_a_file_of_the_first_layout_is_brought_up_to_date_and_loses_nobody(tmp_path: Path, records: Records) -> None:
    subject = register(records)
    revoked = register(records, Token(b"B1234567"))
    records.revoke(revoked, NOW + 5)
    with closing(sqlite3.connect(tmp_path / "old", isolation_level=None)) as old:
        old.executescript(LAYOUT_1)
        old.execute("attach ? as new", (str(tmp_path / "records"),))
        query = "select subject, state, facts_sealed, ?, ?, expires_at, revoked_at from new.traveller"
        old.execute(f"insert into traveller {query}", ("face finger", NOW))
        old.execute("insert into token select * from new.token")
    for _ in range(2):
        with closing(Records(tmp_path / "old", KEY)) as migrated:
            assert migrated.look_up(CARD, NOW) == RecordFound(subject)
            assert migrated.look_up(Token(b"B1234567"), NOW) == Failed(Reason.RECORD_REVOKED)
            assert migrated.facts(subject) == FACTS
            assert migrated.registered(subject).consents == (
                Agreed(Modality.FACE, NOW),
                Agreed(Modality.FINGER, NOW),
            )
            assert migrated.registered(subject).partition == MAIN
    with pytest.raises(StoreError, match="key file is another"):
        Records(tmp_path / "old", bytes(32))
    with closing(Records(tmp_path / "old", KEY)) as migrated:
        assert migrated.withdraw(subject, set(Modality), NOW + 9) == [*Modality]
        with pytest.raises(Refusal, match="erased"):
            migrated.facts(subject)


def test_a_file_of_a_newer_layout_is_left_alone(tmp_path: Path, records: Records) -> None:
    records.close()
    with closing(sqlite3.connect(tmp_path / "records")) as database:
        database.execute("pragma user_version = 99")
    with pytest.raises(StoreError, match="layout 99 is of a newer gatefw"):
        Records(tmp_path / "records", KEY)


# ---------------------------------------------------------------- what a thief has


def test_no_file_holds_a_token_or_a_document_in_clear(tmp_path: Path, records: Records) -> None:
    code = new_identifier()
    register(records, CARD, Token(code))
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        for secret in (CARD.payload, code, code[6:], b"Chan"):
            assert secret not in content
        assert file.stat().st_mode & 0o777 == 0o600


def test_facts_moved_to_another_subject_do_not_open(tmp_path: Path, records: Records) -> None:
    first, second = register(records), register(records, Token(new_identifier()))
    with closing(sqlite3.connect(tmp_path / "records")) as database, database:
        database.execute(
            "update traveller set facts_sealed = (select facts_sealed from traveller where subject = ?1) "
            "where subject = ?2",
            (first, second),
        )
    assert records.facts(first) == FACTS
    with pytest.raises(StoreError, match="moved"):
        records.facts(second)


def test_another_key_is_found_at_start_and_not_at_the_first_traveller(tmp_path: Path, records: Records) -> None:
    register(records)
    records.close()
    with pytest.raises(StoreError, match="key file is another"):
        Records(tmp_path / "records", bytes(32))


def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(b"holiday letters" * 1000)
    with pytest.raises(StoreError):
        Records(tmp_path / "notes", KEY)
    assert (tmp_path / "notes").read_bytes() == b"holiday letters" * 1000


# ---------------------------------------------------------------- any order of anything


TOKENS = [Token(f"TOKEN00{n}".encode()) for n in range(3)]
ANSWERS = {RecordState.REVOKED: Reason.RECORD_REVOKED, RecordState.ACTIVE: None}


class AnyOrder(RuleBasedStateMachine):
    """The store beside what it should hold: the state of each subject, and whose each token is."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.records = Records(Path(self.directory.name) / "records", KEY)
        self.states: dict[SubjectId, RecordState] = {}
        self.owners: dict[Token, SubjectId] = {}

    def teardown(self) -> None:
        self.records.close()
        self.directory.cleanup()

    @rule(token=st.sampled_from(TOKENS))
    def enrol(self, token: Token) -> None:
        in_use = self.states.get(self.owners.get(token, SubjectId(""))) in (RecordState.PENDING, RecordState.ACTIVE)
        try:
            subject = self.records.enrol([token], FACTS, CONSENT, NOW + 1)
        except Refusal:
            assert in_use
        else:
            assert not in_use and subject not in self.states
            self.states[subject], self.owners[token] = RecordState.PENDING, subject

    @rule(data=st.data(), to=st.sampled_from([RecordState.ACTIVE, RecordState.DISABLED, RecordState.REVOKED]))
    def change(self, data: st.DataObject, to: RecordState) -> None:
        subject = data.draw(st.sampled_from([*self.states, SubjectId("nobody")]))
        before = self.states.get(subject)
        changes: dict[RecordState, Callable[[SubjectId], None]] = {
            RecordState.ACTIVE: lambda subject: self.records.activate(subject, NOW),
            RecordState.DISABLED: lambda subject: self.records.disable(subject, NOW),
            RecordState.REVOKED: lambda subject: self.records.revoke(subject, NOW),
        }
        try:
            changes[to](subject)
        except Refusal:
            assert before in (None, RecordState.REVOKED) or before is to or to is not RecordState.REVOKED
        else:
            assert before not in (None, RecordState.REVOKED)
            self.states[subject] = to

    @rule(data=st.data())
    def restart(self, data: st.DataObject) -> None:
        self.records.close()
        self.records = Records(Path(self.directory.name) / "records", KEY)
        templates = {subject for subject in self.states if data.draw(st.booleans())}
        orphans = self.records.reconcile(templates, LATER)
        for subject in orphans.records:
            self.states[subject] = RecordState.DISABLED
        assert templates - set(orphans.templates) == {s for s, state in self.states.items() if state == "active"}

    @invariant()
    def only_an_active_record_is_found_and_every_record_is_listed(self) -> None:
        assert {each.subject: each.state for each in self.records.list()} == self.states
        for token, subject in self.owners.items():
            reason = ANSWERS.get(self.states[subject], Reason.NOT_ENROLLED)
            wanted = RecordFound(subject) if reason is None else Failed(reason)
            assert self.records.look_up(token, NOW) == wanted


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
