"""Behind the lane: its stores, the scribe, the clerk who knows its people, and who speaks for it to the authorities."""

from collections.abc import Callable
from contextlib import ExitStack

from gatefw.authority_desk import AuthorityDesk
from gatefw.bus_orders import written_by_bus
from gatefw.clearance import face_follows
from gatefw.clearance_records import ClearanceRecords
from gatefw.clearance_writer import ClearanceWriter
from gatefw.clerk import Clerk, HouseRules
from gatefw.config import Config
from gatefw.eligibility import Rules
from gatefw.errors import Refusal
from gatefw.finger_worker import FingerWorker
from gatefw.fingers import Fingerprint, Fingers
from gatefw.gate_terms import GateInput
from gatefw.journal_file import was_signed
from gatefw.journal_keeping import JournalTerms
from gatefw.key_ring import KeyRing
from gatefw.keys import load_or_create
from gatefw.model import Reason, SubjectId
from gatefw.passage_tally import Where
from gatefw.records import Modality, Records, keys_of
from gatefw.scribe import Scribe
from gatefw.seen_tokens import SeenTokens
from gatefw.token_check import TokenCheck, TokenTerms
from gatefw.trial import Trial
from gatefw.wall_time import WallTime, wall_clock


class Office:
    """Of one lane. What it opens is closed with `files`, the last one first. Raises StoreError, SetupError."""

    def __init__(
        self,
        config: Config,
        put: Callable[[GateInput], None],
        files: ExitStack,
        clock: Callable[[], WallTime] = wall_clock,
    ) -> None:
        self._config, self._put, self._files, self._clock = config, put, files, clock
        paths = config.paths
        for directory in (paths.key("journal").parent, paths.key("records").parent, keys_of(paths.records).directory):
            KeyRing(directory).require(config.keys)  # before the first key is made
        journal_key = load_or_create(paths.key("journal"), paths.journal.exists())
        records_key = load_or_create(paths.key("records"), paths.records.exists())
        where = Where(config.lane.system or config.lane.name, config.port.direction or "", config.port.timezone)
        self.scribe = Scribe(paths.journal, config.lane.name, journal_key, put, where, _journal_terms(config), clock)
        files.callback(self.scribe.close)
        self.trial = Trial(paths.state, put, self.scribe.append, written_by_bus)
        self.trial.look()
        self.scribe.note_config(config.sha256, config.reversed, config.last_known_good)
        self.records = Records(paths.records, records_key, config.people.partitions.split())
        files.callback(self.records.close)
        self._fingers = self._opened_fingers()
        self.authorities = self._opened_authorities()

    def now(self) -> float:
        """By what people's registrations end, in seconds since 1970 UTC: see `Journal.now_of_people`."""
        return self.scribe.journal.now_of_people().ns / 1e9

    def finger_of(self, subject: SubjectId) -> Fingerprint | Reason:
        """By the record first: a finger that could not be removed yet is compared with nobody. Raises StoreError."""
        if self._fingers is None:
            return Reason.FINGER_NOT_ENROLLED
        try:
            record = self.records.registered(subject)
        except Refusal:
            return Reason.NOT_REGISTERED
        if refused := record.refused_for(self.now()):
            return refused
        if not record.agrees_to(Modality.FINGER):
            return Reason.FINGER_NOT_ENROLLED
        return self._fingers.get(subject, self.now())

    def employ_clerk(self, finger_sensor: FingerWorker | None) -> Clerk:
        """Who answers what the lane asks about people; not started yet."""
        self._seen = SeenTokens(self._config.paths.tokens)
        self._files.callback(self._seen.close)
        take, house = self._token_check(self._config).take, self._house_rules(self._config)
        self._clerk = Clerk(
            self.records, take, self._put, self.scribe.append, self.now, house, self._fingers, finger_sensor
        )
        return self._clerk

    def prepared(self, config: Config) -> Callable[[], None]:
        """What has to be done so that the office works by this lane file. Raises SetupError; nothing has changed."""
        take, house = self._token_check(config).take, self._house_rules(config)

        def apply() -> None:
            self._clerk.change(take, house)
            if self.authorities:
                self.authorities.change(config.authorities)

        return apply

    def _token_check(self, config: Config) -> TokenCheck:
        # The bare clock: the journal's never goes back, and one wrong jump ahead would end every token for good.
        terms = TokenTerms.of(config.lane.name, config.tokens, face_follows(config.lane.procedure))
        return TokenCheck(terms, self._seen, self._clock)

    def _house_rules(self, config: Config) -> HouseRules:
        rules = Rules(config.rules, config.port, config.lane.name, self._clock)
        return HouseRules(config.lane.name, rules.judge, config.people, config.tries, self._vouched, self.trial.look)

    def _vouched(self) -> float | None:
        """The bare clock, while somebody vouches for it or the port does without."""
        at = self._clock()
        return at.ns / 1e9 if at.synchronised or not self._config.port.require_synchronised else None

    def _opened_fingers(self) -> Fingers | None:
        """The store of fingers, where the lane has a sensor for them or had one: what is revoked must go from it."""
        paths = self._config.paths
        if not (self._config.having("finger") or paths.fingers.exists()):
            return None
        key, keys = load_or_create(paths.key("fingers"), paths.fingers.exists()), self.records.partitions
        fingers = Fingers(paths.fingers, key, lambda partition: keys.key(partition, "fingers"))
        self._files.callback(fingers.close)
        return fingers

    def _opened_authorities(self) -> AuthorityDesk | None:
        """Who asks the authorities, where the lane file has some, and keeps the records that are for them."""
        config, scribe = self._config, self.scribe
        if not config.having("authority"):
            return None
        clearance = ClearanceRecords(config.paths.clearance_records)
        self._files.callback(clearance.close)
        writer = ClearanceWriter(
            clearance, config.port.direction or "", scribe.append, scribe.journal.head, scribe.journal.read
        )
        return AuthorityDesk(
            config.authorities, clearance, writer, self.records.facts, self._put, scribe.append, self.now, self._vouched
        )


def _journal_terms(config: Config) -> JournalTerms:
    """Its signing key is made once; a journal from before it had one gets it, and says so by its first checkpoint."""
    paths, table = config.paths, config.journal
    return JournalTerms(
        load_or_create(paths.key("journal-sign"), was_signed(paths.journal)),
        archive_required=table.archive == "required",
        archive_key=table.archive_key,
        keep_s=table.keep_days * 86_400.0,
        most_bytes=table.most_mb * 2**20,
        least_free_bytes=table.least_free_mb * 2**20,
        checkpoint_s=table.checkpoint_s,
        require_synchronised=config.port.require_synchronised,
    )
