"""Whether this lane takes a token at all, and which identifier its holder's record is found by.

An identifier (`identifier`) can be copied for ever: it is taken only where the lane file allows it, which it may only
where a face or a finger follows. A signed token (`signed_token`) is for one lane, one direction, a short time, and one
use; it is judged without leeway, because a minute's grace is a minute in which a copy of it is as good as the token.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gatefw import signed_token
from gatefw.config_tables import Tokens
from gatefw.errors import SetupError
from gatefw.model import Failed, Reason, Token
from gatefw.seen_tokens import SeenTokens
from gatefw.signed_token import Claims, Direction, Forged, Issuers, Malformed
from gatefw.wall_time import WallTime


@dataclass(frozen=True, slots=True)
class TokenTerms:
    """What a lane takes. `static`: identifiers too. `max_life_s`: how long a signed token may be good at most."""

    lane: str
    direction: Direction | None = None
    issuers: Issuers = field(default_factory=dict)
    max_life_s: float = 600.0
    static: bool = True
    require_synchronised: bool = True

    @classmethod
    def of(cls, lane: str, table: Tokens, face_follows: bool) -> "TokenTerms":
        """What the lane file says. Raises SetupError for what `gatefw check` finds before."""
        if table.static and not face_follows:
            raise SetupError(
                f"lane {lane}: tokens.static is true, but in its procedure no face or finger follows: whoever copies a "
                "code would pass; say false, and name [tokens.issuers]"
            )
        try:
            issuers = {key_id: signed_token.public_key(text) for key_id, text in table.issuers.items()}
        except ValueError as error:
            raise SetupError(f"lane {lane}: tokens.issuers: {error}") from error
        direction = Direction(table.direction) if table.direction else None
        return cls(lane, direction, issuers, table.max_life_s, table.static, table.require_synchronised)


class TokenCheck:
    """Judges tokens, and uses up the signed ones. `clock` is wall time with its quality."""

    def __init__(self, terms: TokenTerms, seen: SeenTokens, clock: Callable[[], WallTime]) -> None:
        self._terms, self._seen, self._clock = terms, seen, clock

    def take(self, token: Token) -> Token | Failed:
        """The identifier to look up, a signed token used up for it before this returns; or why nobody may pass with it.

        TOKEN_NOT_ALLOWED, TOKEN_MALFORMED, TOKEN_FORGED, TOKEN_ELSEWHERE, TIME_UNVERIFIED, TOKEN_NOT_YET,
        TOKEN_EXPIRED, TOKEN_REPLAYED. Raises StoreError: what is used cannot be written down, so nothing is.
        """
        terms = self._terms
        if not signed_token.is_signed(token):
            return token if terms.static else Failed(Reason.TOKEN_NOT_ALLOWED)
        try:
            signed = signed_token.read(token, terms.issuers)
        except (Malformed, Forged) as error:
            return signed_token.failure(error)
        claims, at = signed.claims, self._clock()
        now, floor = at.ns // 1_000_000_000, self._seen.floor()
        reason = judge(claims, terms, at, floor)
        if reason is Reason.TOKEN_EXPIRED and claims.expires > floor:
            self._seen.expired(claims.expires)
        if reason is Reason.OK and not self._seen.use(signed.key_id, claims.id, claims.expires, now):
            reason = Reason.TOKEN_REPLAYED
        return Token(claims.subject.encode()) if reason is Reason.OK else Failed(reason)


def judge(claims: Claims, terms: TokenTerms, at: WallTime, floor: int = 0) -> Reason:
    """OK, or why signed claims are not good in this lane at `at`; `floor` as in `SeenTokens`. Uses nothing up."""
    now = at.ns // 1_000_000_000
    if claims.lane != terms.lane or claims.direction is not terms.direction:
        return Reason.TOKEN_ELSEWHERE
    if claims.life_s > terms.max_life_s:
        return Reason.TOKEN_NOT_ALLOWED
    if terms.require_synchronised and not at.synchronised:
        return Reason.TIME_UNVERIFIED
    if now < claims.not_before:
        return Reason.TOKEN_NOT_YET
    if claims.expires <= max(now, floor):
        return Reason.TOKEN_EXPIRED
    return Reason.OK
