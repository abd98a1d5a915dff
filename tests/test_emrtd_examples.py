"""ICAO 9303-11's own worked examples, byte for byte: appendix D (BAC, secure messaging), F (signature), G.1 (PACE)."""

import hashlib
from typing import TypeVar

from hw.sim.chip_access import BasicAccess, Pace
from hw.sim.chip_crypto import Session
from hw.sim.chip_keys import Offer
from hw.wire import der
from hw.wire.emrtd import bac, pace
from hw.wire.emrtd.active_authentication import recovered_good
from hw.wire.emrtd.apdu import Chance, Command, Dialogue, select_file
from hw.wire.emrtd.secure_messaging import SecureMessaging
from hw.wire.emrtd.security_infos import card_access
from hw.wire.emrtd.suites import FOR_ENCRYPTION, FOR_MAC, FOR_PASSWORD, Suite

T = TypeVar("T")

BAC_KEY, PACE_KEY = b"L898902C<369080619406236", b"T22000129364081251010318"


def told(*parts: str) -> Chance:
    """Randomness as the example has it."""
    left = iter(parts)
    return lambda count: bytes.fromhex(next(left))


def secret_of(number: str, least: int = 2) -> str:
    """The bytes of chance out of which `Curve.secret` makes the example's secret; the chip's begin with 1."""
    return (int(number, 16) - least).to_bytes(40, "big").hex()


def played(dialogue: Dialogue[T], exchanges: list[tuple[str, str]]) -> T:
    """What came of a dialogue in which exactly these commands are sent and these answers come."""
    command = next(dialogue)
    for sent, answer in exchanges:
        assert command.hex().upper() == sent
        try:
            command = dialogue.send(bytes.fromhex(answer))
        except StopIteration as ended:
            assert (sent, answer) == exchanges[-1]
            return ended.value
    raise AssertionError("the dialogue goes on")


def test_the_keys_of_appendix_d_1() -> None:
    seed = hashlib.sha1(BAC_KEY).digest()[:16]
    assert seed.hex().upper() == "239AB9CB282DAF66231DC5A4DF6BFBAE"
    assert Suite.TRIPLE_DES.derive(seed, FOR_ENCRYPTION).hex().upper() == "AB94FDECF2674FDFB9B391F85D7F76F2"
    assert Suite.TRIPLE_DES.derive(seed, FOR_MAC).hex().upper() == "7962D9ECE03D1ACD4C76089DCE131543"


def basic_access() -> SecureMessaging:
    chance = told("781723860C06C226", "0B795240CB7049B01C19B33E32804F0B")
    proof = "72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A7"
    answer = "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D7449"
    exchanges = [("0084000008", "4608F919887022129000"), (f"0082000028{proof}28", answer + "9000")]
    return played(bac.establish(BAC_KEY, chance), exchanges)


def test_basic_access_control_and_secure_messaging_are_those_of_appendix_d_3_and_d_4() -> None:
    messaging = basic_access()
    exchanges = [
        (
            select_file(0x011E),
            "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
            "990290008E08FA855A5D4C50A8ED9000",
            "",
        ),
        (
            Command(0, 0xB0, 0, 0, le=4),
            "0CB000000D9701048E08ED6705417E96BA5500",
            "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
            "60145F01",
        ),
        (
            Command(0, 0xB0, 0, 4, le=0x12),
            "0CB000040D9701128E082EA28A70F3C7B53500",
            "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D749000",
            "04303130365F36063034303030305C026175",
        ),
    ]
    for command, sent, answer, data in exchanges:
        assert messaging.wrap(command).hex().upper() == sent
        assert messaging.unwrap(bytes.fromhex(answer)).expect_ok("the example").hex().upper() == data


def test_the_simulated_chips_half_of_appendix_d_3_and_d_4() -> None:
    chip = BasicAccess(BAC_KEY, told("4608F91988702212", "0B4F80323EB3191CB04970CB4052790B"))
    assert chip.challenge().hex().upper() == "4608F91988702212"
    proof = "72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A7"
    answer, session = chip.authenticate(bytes.fromhex(proof))
    assert answer.hex().upper() == "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D7449"
    opened = session.opened(bytes.fromhex("0CA4020C"), bytes.fromhex("8709016375432908C044F68E08BF8B92D635FF24F8"))
    assert opened == (b"\x01\x1e", None)
    assert session.closed(b"", 0x9000).hex().upper() == "990290008E08FA855A5D4C50A8ED9000"
    assert session.opened(bytes.fromhex("0CB00000"), bytes.fromhex("9701048E08ED6705417E96BA55")) == (b"", 4)
    assert (
        session.closed(bytes.fromhex("60145F01"), 0x9000).hex().upper()
        == "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000"
    )


PACE_STEPS = [
    ("0022C1A40F800A04007F00070202040202830101", "9000"),
    ("10860000027C0000", "7C12801095A3A016522EE98D01E76CB6B98B42C39000"),
    (
        "10860000457C438141047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E"
        "544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D00",
        "7C43824104824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F57"
        "30D8C879AAA9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C549000",
    ),
    (
        "10860000457C438341042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C"
        "3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB3646200",
        "7C438441049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB"
        "7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F0949000",
    ),
    ("008600000C7C0A8508C2B0BD78D94BA86600", "7C0A86083ABB9674BCE93C089000"),
]
CARD_ACCESS = bytes.fromhex("31143012060A04007F0007020204020202010202010D")
SESSION_KEYS = "F5F0E35C0D7161EE6724EE513A0D9A7F", "FE251C7858B356B24514B3BD5F4297D1"


def test_pace_is_that_of_appendix_g_1() -> None:
    offered = card_access(CARD_ACCESS).pace
    assert [(info.protocol, info.parameter) for info in offered] == [("0.4.0.127.0.7.2.2.4.2.2", 13)]
    password = hashlib.sha1(PACE_KEY).digest()
    assert password.hex().upper() == "7E2D2A41C74EA0B38CD36F863939BFA8E9032AAD"
    assert Suite.AES_128.derive(password, FOR_PASSWORD).hex().upper() == "89DED1B26624EC1E634C1989302849DD"
    chance = told(
        secret_of("7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99"),
        secret_of("A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595"),
    )
    messaging = played(pace.establish(offered, PACE_KEY, chance), PACE_STEPS)
    agreed = bytes.fromhex("28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925")
    expected = SecureMessaging(Suite.AES_128, agreed)
    assert messaging.wrap(select_file(0x011E)) == expected.wrap(select_file(0x011E))
    keys = [Suite.AES_128.derive(agreed, purpose).hex().upper() for purpose in (FOR_ENCRYPTION, FOR_MAC)]
    assert tuple(keys) == SESSION_KEYS


def test_the_simulated_chips_half_of_appendix_g_1() -> None:
    chance = told(
        "3F00C4D39D153F2B2A214A078D899B22",
        secret_of("498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560", 1),
        secret_of("107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A", 1),
    )
    chip = Pace.begun(PACE_KEY, (Offer(2, 13),), bytes.fromhex(PACE_STEPS[0][0])[5:], chance)
    session: Session | None = None
    for sent, answer in PACE_STEPS[1:]:
        command = bytes.fromhex(sent)
        said, session = chip.step(der.only(command[5 : 5 + command[4]], 0x7C).items())
        assert der.encode(0x7C, said).hex().upper() + "9000" == answer
    assert session is not None
    assert (session.key_enc.hex().upper(), session.key_mac.hex().upper()) == SESSION_KEYS


def appendix_f(recovered: str, found: str) -> bytes:
    return bytes.fromhex("6A" + recovered + found + "BC")


def test_the_message_that_appendix_f_signs_is_recognised_and_no_other() -> None:
    recovered = (
        "9D2784A67F8E7C659973EA1AEA25D95B6C8F91E5002F369F0FBDCE8A3CEC1991B543F1696546C5524CF23A5303CD6C98599F40B7"
        "9F377B5F3A1406B3B4D8F96784D23AA88DB7E1032A405E69325FA91A6E86F5C71AEA978264C4A207446DAD4E7292E2DCDA3024B47DA8"
    )
    digest, challenge = "C063AA1E6D22FBD976AB0FE73D94D2D9C6D88127", bytes.fromhex("F173589974BF40C6")
    assert recovered_good(appendix_f(recovered, digest), challenge)
    assert len(appendix_f(recovered, digest)) == 128
    assert not recovered_good(appendix_f(recovered, digest), bytes.fromhex("F173589974BF40C7"))
    assert not recovered_good(appendix_f(recovered[:-2] + "A9", digest), challenge)
    assert not recovered_good(bytes.fromhex("4A" + recovered + digest + "BC"), challenge)
    assert not recovered_good(bytes.fromhex("6A" + recovered[:-2] + digest + "33CC"), challenge)
