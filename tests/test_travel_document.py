"""Passive authentication: the document that is good, and every way in which one is not, each with its own reason."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from test_signature import SPELT_OUT, spelt_out
from utopia import (
    BEGAN,
    HOLDER,
    JPEG,
    NOW,
    SECRETS,
    as_read,
    authority,
    group_14,
    group_15,
    passport,
    passport_with_keys,
    revocations,
    signer,
    trust,
)

from gatefw.csca_store import CscaStore
from gatefw.model import ChipProof, DocumentRead, Reason
from gatefw.ports import ChipRead, DocumentFailed
from gatefw.travel_document import Trust, believe
from hw.sim import passport as office
from hw.sim.passport import Authority, Holder, Passport, Signer, issue
from hw.wire import der, mrz, sod
from hw.wire.der import Malformed

PRINTED = mrz.parse(passport().printed)
TRUST = trust()


def judged(read: ChipRead, given: Trust = TRUST, printed: mrz.Mrz = PRINTED, days: float = 0.0) -> DocumentRead:
    return believe(read, printed, given, NOW + timedelta(days=days))


def refused(read: ChipRead, given: Trust = TRUST, printed: mrz.Mrz = PRINTED, days: float = 0.0) -> Reason:
    with pytest.raises(DocumentFailed) as failed:
        judged(read, given, printed, days)
    assert not any(secret.decode() in str(failed.value) for secret in SECRETS)
    return failed.value.reason


def document(by: Signer, holder: Holder = HOLDER) -> tuple[ChipRead, mrz.Mrz]:
    made = issue(by, holder, picture=JPEG)
    return as_read(made), mrz.parse(made.printed)


def test_a_good_document_is_believed_and_says_who_it_is() -> None:
    read = judged(as_read(passport()))
    assert (read.number, read.issuer, read.nationality) == ("C01X00T47", "UTO", "UTO")
    assert (read.born, read.expires, read.portrait, read.proof) == ("1974-08-12", "2030-04-15", JPEG, ChipProof.NONE)
    assert repr(read) == "DocumentRead(proof=<ChipProof.NONE: 'none'>)"


@pytest.mark.parametrize("kind", ["TD1", "TD2", "TD3"])
def test_identity_cards_are_believed_as_passports_are(kind: str) -> None:
    made = issue(signer(), HOLDER, kind=kind, picture=JPEG)
    assert judged(as_read(made), printed=mrz.parse(made.printed)).number == HOLDER.number


@pytest.mark.parametrize("proof", [ChipProof.ACTIVE, ChipProof.CHIP])
def test_a_chip_that_proved_its_signed_key_is_believed(proof: ChipProof) -> None:
    assert judged(as_read(passport_with_keys(), proof)).proof is proof


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("make", "pss"),
    [
        (lambda: ec.generate_private_key(ec.BrainpoolP256R1()), False),
        (lambda: ec.generate_private_key(ec.BrainpoolP384R1()), False),
        (lambda: ec.generate_private_key(ec.SECP521R1()), False),
        (rsa_key, False),
        (rsa_key, True),
    ],
    ids=["brainpoolP256r1", "brainpoolP384r1", "P-521", "RSA", "RSA-PSS"],
)
def test_signers_with_every_kind_of_key_are_believed(make: Callable[[], office.PrivateKey], pss: bool) -> None:
    by = Signer(authority(), make())
    made = issue(by, HOLDER, picture=JPEG)
    assert judged(as_read(made, sod=by.sign(made.groups, pss=pss))).number == HOLDER.number


@pytest.mark.parametrize(("curve", "parameters"), SPELT_OUT.values(), ids=SPELT_OUT.keys())
def test_a_signer_whose_certificate_spells_its_curve_out_is_believed(
    curve: type[ec.EllipticCurve], parameters: str
) -> None:
    key = ec.generate_private_key(curve())
    named = Signer(authority(), key)
    body = der.only(named.certificate, der.SEQUENCE).items()[0]
    parts = [each.encoded for each in body.items()]
    parts[6] = spelt_out(bytes.fromhex(parameters), key)
    body_spelt = der.encode(der.SEQUENCE, *parts)
    assert isinstance(authority().key, ec.EllipticCurvePrivateKey)
    signature = authority().key.sign(body_spelt, ec.ECDSA(hashes.SHA256()))  # type: ignore[union-attr, call-arg, arg-type]
    algorithm = der.encode(der.SEQUENCE, der.encode_object_id("1.2.840.10045.4.3.2"))
    whole = der.encode(der.SEQUENCE, body_spelt, algorithm, der.encode(der.BIT_STRING, b"\0" + signature))
    read, printed = document(Signer(authority(), key, whole))
    assert judged(read, printed=printed).number == HOLDER.number


def test_a_signer_may_be_named_by_its_key() -> None:
    by_key = signer().sign(passport().groups, by_key=True)
    assert sod.parse(by_key).signer.key_identifier
    assert judged(as_read(passport(), sod=by_key)).number == HOLDER.number


# ---------------------------------------------------------------- altered


@pytest.mark.parametrize("number", [1, 2])
def test_a_group_with_one_flipped_bit_is_altered(number: int) -> None:
    for at in (0, len(passport().groups[number]) // 2, -1):
        group = bytearray(passport().groups[number])
        group[at] ^= 1
        assert (
            refused(as_read(passport(), groups={**passport().groups, number: bytes(group)})) == Reason.DOCUMENT_ALTERED
        )


@pytest.mark.parametrize("number", [1, 2])
def test_a_group_that_was_not_read_is_not_believed(number: int) -> None:
    groups = {each: file for each, file in passport().groups.items() if each != number}
    assert refused(as_read(passport(), groups=groups)) == Reason.DOCUMENT_ALTERED


def test_a_group_that_nobody_signed_is_altered() -> None:
    assert refused(as_read(passport(), groups={**passport().groups, 15: group_15()})) == Reason.DOCUMENT_ALTERED


def test_another_mans_portrait_or_list_is_altered() -> None:
    other = issue(signer(), Holder(number="X1"), picture=JPEG + b"of another")
    assert refused(as_read(passport(), groups={**passport().groups, 2: other.groups[2]})) == Reason.DOCUMENT_ALTERED
    assert refused(as_read(passport(), sod=other.sod)) == Reason.DOCUMENT_ALTERED


def test_a_list_that_was_exchanged_under_its_signature_is_altered() -> None:
    groups = {**passport().groups, 2: office.group_2(JPEG + b"another")}
    exchanged = passport().sod.replace(office.security_object(passport().groups), office.security_object(groups))
    assert exchanged != passport().sod
    assert refused(as_read(passport(), sod=exchanged, groups=groups)) == Reason.DOCUMENT_ALTERED


def test_attributes_that_were_exchanged_break_the_signature() -> None:
    groups = {**passport().groups, 2: office.group_2(JPEG + b"another")}
    theirs = sod.parse(passport().sod)
    ours = Signer(Authority(began=BEGAN)).sign(groups)  # a list and attributes that fit, by a key that nobody knows
    forged = passport().sod.replace(office.security_object(passport().groups), office.security_object(groups))
    forged = forged.replace(theirs.digest, sod.parse(ours).digest)
    assert refused(as_read(passport(), sod=forged, groups=groups)) == Reason.DOCUMENT_ALTERED


def test_what_is_printed_must_be_what_is_signed_even_where_no_check_digit_stands() -> None:
    renamed = mrz.parse(passport().printed.replace(b"MUSTERPERSON", b"MISTERPERSON"))
    assert refused(as_read(passport()), printed=renamed) == Reason.DOCUMENT_ALTERED


# ---------------------------------------------------------------- whose signature


def test_an_unknown_authority_is_refused_though_it_bears_the_name_of_a_known_one() -> None:
    read, printed = document(Signer(Authority(began=BEGAN)))
    assert refused(read, printed=printed) == Reason.DOCUMENT_SIGNER_UNKNOWN
    assert refused(read, Trust(CscaStore()), printed) == Reason.DOCUMENT_SIGNER_UNKNOWN


def test_a_list_without_its_signers_certificate_is_refused() -> None:
    held = der.encode(der.CONTEXT_0, signer().certificate)
    assert passport().sod.count(held) == 1
    other = der.encode(der.CONTEXT_0, Signer(authority()).certificate)
    for instead in (b"", other):
        assert refused(as_read(passport(), sod=repacked(instead))) == Reason.DOCUMENT_SIGNER_UNKNOWN


def with_signer_info(change: Callable[[list[bytes]], list[bytes]]) -> ChipRead:
    """The document with other parts in the one SignerInfo of its list: 3 is what is attested, 4 the algorithm."""
    info = der.only(der.only(passport().sod, 0x77).value, der.SEQUENCE).items()
    parts = der.only(info[1].value, der.SEQUENCE).items()
    (one,) = parts[-1].items()
    infos = change([each.encoded for each in one.items()])
    signed_data = der.encode(der.SEQUENCE, *(each.encoded for each in parts[:-1]), der.encode(der.SET, *infos))
    outer = der.encode(der.SEQUENCE, info[0].encoded, der.encode(der.CONTEXT_0, signed_data))
    return as_read(passport(), sod=der.encode(0x77, outer))


def attested(*attributes: bytes) -> Callable[[list[bytes]], list[bytes]]:
    changed = der.encode(der.CONTEXT_0, *attributes)
    return lambda parts: [der.encode(der.SEQUENCE, *parts[:3], changed, *parts[4:])]


def attribute(kind: str, *values: bytes) -> bytes:
    return der.encode(der.SEQUENCE, der.encode_object_id(kind), der.encode(der.SET, *values))


KIND = der.encode_object_id(sod.SECURITY_OBJECT)
DIGEST = der.encode(der.OCTET_STRING, bytes(32))


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: [],
        lambda parts: [der.encode(der.SEQUENCE, *parts)] * 2,
        lambda parts: [der.encode(der.SEQUENCE, *parts[:3], *parts[4:])],
        lambda parts: [der.encode(der.SEQUENCE, *parts, der.encode(der.NULL))],
        attested(),
        attested(attribute(sod.MESSAGE_DIGEST, DIGEST)),
        attested(attribute(sod.CONTENT_TYPE, KIND)),
        attested(attribute(sod.CONTENT_TYPE, KIND), attribute(sod.MESSAGE_DIGEST)),
        attested(attribute(sod.CONTENT_TYPE, KIND), attribute(sod.MESSAGE_DIGEST, DIGEST, DIGEST)),
        attested(attribute(sod.CONTENT_TYPE, KIND), *[attribute(sod.MESSAGE_DIGEST, DIGEST)] * 2),
        attested(attribute(sod.CONTENT_TYPE, DIGEST), attribute(sod.MESSAGE_DIGEST, DIGEST)),
        attested(attribute(sod.CONTENT_TYPE, der.encode_object_id("1.2.3")), attribute(sod.MESSAGE_DIGEST, DIGEST)),
    ],
    ids=["nobody", "two", "unattested", "more", "nothing", "no kind", "no digest", "empty", "two digests", "twice",
         "kind is a digest", "another kind"],
)  # fmt: skip
def test_a_list_whose_signer_attests_nothing_or_two_things_is_unreadable(
    change: Callable[[list[bytes]], list[bytes]],
) -> None:
    assert refused(with_signer_info(change)) == Reason.DOCUMENT_UNREADABLE


def test_a_list_whose_signer_attests_another_content_is_altered() -> None:
    other = attested(attribute(sod.CONTENT_TYPE, KIND), attribute(sod.MESSAGE_DIGEST, DIGEST))
    assert refused(with_signer_info(other)) == Reason.DOCUMENT_ALTERED


def repacked(certificates: bytes) -> bytes:
    """The signed list with other certificates in it, or none."""
    info = der.only(der.only(passport().sod, 0x77).value, der.SEQUENCE).items()
    parts = der.only(info[1].value, der.SEQUENCE).items()
    parts_now = [certificates if each.tag == der.CONTEXT_0 else each.encoded for each in parts]
    signed_data = der.encode(der.SEQUENCE, *parts_now)
    return der.encode(0x77, der.encode(der.SEQUENCE, info[0].encoded, der.encode(der.CONTEXT_0, signed_data)))


def test_a_certificate_beside_the_signers_that_cannot_be_read_is_not_looked_at() -> None:
    def with_certificates(*held: bytes) -> ChipRead:
        return as_read(passport(), sod=repacked(der.encode(der.CONTEXT_0, *held)))

    good, broken = signer().certificate, der.encode(der.SEQUENCE, b"")
    for both in ((good, broken), (broken, good)):
        assert judged(with_certificates(*both)).number == HOLDER.number
    assert refused(with_certificates(broken)) == Reason.DOCUMENT_UNREADABLE


def test_an_authority_does_not_sign_documents_itself() -> None:
    read, printed = document(Signer(authority(), authority().key, authority().certificate))
    assert refused(read, printed=printed) == Reason.DOCUMENT_SIGNER_UNKNOWN


@pytest.mark.parametrize("critical", [True, False])
def test_whom_an_authority_lets_sign_something_else_signs_no_documents(critical: bool) -> None:
    def by(purpose: str) -> Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        only_for = x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose)])
        return Signer(
            authority(),
            key,
            authority().certify(authority().name, key.public_key(), False, office.LIFE, None, only_for, critical),
        )

    master_lists, web_servers, anything = "2.23.136.1.1.3", "1.3.6.1.5.5.7.3.1", "2.5.29.37.0"
    for purpose in (master_lists, web_servers):
        read, printed = document(by(purpose))
        assert refused(read, printed=printed) == Reason.DOCUMENT_UNSUPPORTED
    read, printed = document(by(anything))
    assert judged(read, printed=printed).number == HOLDER.number


def test_a_trusted_authority_does_not_vouch_for_another_states_documents() -> None:
    read, printed = document(signer(), Holder(issuer="D", nationality="D", number=HOLDER.number))
    assert refused(read, printed=printed) == Reason.DOCUMENT_SIGNER_UNKNOWN


def test_a_signer_may_hold_the_nationality_of_anybody() -> None:
    read, printed = document(signer(), Holder(nationality="D", number=HOLDER.number))
    assert judged(read, printed=printed).nationality == "D"


def test_an_authority_that_took_another_kind_of_key_under_its_old_name_vouches_with_either() -> None:
    before = Authority(key=rsa_key(), began=BEGAN)
    both = trust(before, authority()), trust(authority(), before)
    for office_then in (before, authority()):
        read, printed = document(Signer(office_then))
        for store in both:
            assert judged(read, store, printed).number == HOLDER.number
    read, printed = document(Signer(Authority(began=BEGAN)))
    for store in both:
        assert refused(read, store, printed) == Reason.DOCUMENT_SIGNER_UNKNOWN


def test_a_revoked_signer_is_refused_and_another_one_is_not() -> None:
    given = trust(lists=(revocations(authority(), signer().serial),))
    assert refused(as_read(passport()), given) == Reason.DOCUMENT_SIGNER_REVOKED
    read, printed = document(Signer(authority()))
    assert judged(read, given, printed).number == HOLDER.number


def test_without_a_current_list_nobody_is_believed_unless_the_lane_file_says_so() -> None:
    for lists in ((), (revocations(authority(), days=0),)):
        assert refused(as_read(passport()), trust(lists=lists)) == Reason.DOCUMENTS_UNAVAILABLE
        assert judged(as_read(passport()), trust(lists=lists, needs_current_list=False)).number == HOLDER.number
    late = trust(lists=(revocations(authority(), signer().serial, days=0),), needs_current_list=False)
    assert refused(as_read(passport()), late) == Reason.DOCUMENT_SIGNER_REVOKED


def test_an_expired_signer_is_refused_and_so_is_one_who_is_not_valid_yet() -> None:
    def by(began: float, days: float) -> Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        life, start = timedelta(days=days), NOW + timedelta(days=began)
        return Signer(authority(), key, authority().certify(authority().name, key.public_key(), life=life, began=start))

    for each in (by(-50, 49), by(1, 50)):
        read, printed = document(each)
        assert refused(read, printed=printed) == Reason.DOCUMENT_SIGNER_EXPIRED
    read, printed = document(by(-50, 51))
    assert judged(read, printed=printed).number == HOLDER.number


def test_an_expired_authority_is_refused() -> None:
    old = Authority(began=NOW - timedelta(days=4000))
    key = ec.generate_private_key(ec.SECP256R1())
    read, printed = document(Signer(old, key, old.certify(old.name, key.public_key(), began=BEGAN)))
    assert refused(read, trust(old), printed) == Reason.DOCUMENT_SIGNER_EXPIRED


def test_a_document_is_good_on_its_last_day_and_not_on_the_next() -> None:
    read, printed = document(signer(), Holder(expires="260601", number=HOLDER.number))
    assert judged(read, printed=printed).expires == "2026-06-01"
    assert refused(read, printed=printed, days=1) == Reason.DOCUMENT_EXPIRED


# ---------------------------------------------------------------- copies


@pytest.mark.parametrize("number", [14, 15])
def test_a_copy_that_hides_a_key_of_the_original_is_cloned(number: int) -> None:
    groups = {each: file for each, file in passport_with_keys().groups.items() if each != number}
    for proof in ChipProof:
        assert refused(as_read(passport_with_keys(), proof, groups=groups)) == Reason.DOCUMENT_CLONED


def test_a_key_that_was_not_proven_is_a_copys() -> None:
    assert refused(as_read(passport_with_keys())) == Reason.DOCUMENT_CLONED


@pytest.mark.parametrize(
    ("number", "group", "proof"), [(14, group_14(), ChipProof.ACTIVE), (15, group_15(), ChipProof.CHIP)]
)
def test_a_proof_with_a_key_that_the_state_did_not_sign_for_it_is_worth_nothing(
    number: int, group: bytes, proof: ChipProof
) -> None:
    made = issue(signer(), HOLDER, picture=JPEG, groups={number: group})
    assert refused(as_read(made, proof)) == Reason.DOCUMENT_CLONED
    assert refused(as_read(passport(), proof)) == Reason.DOCUMENT_CLONED


def test_a_group_14_without_a_chips_key_asks_for_no_proof() -> None:
    made = issue(signer(), HOLDER, picture=JPEG, groups={14: group_14("0.4.0.127.0.7.2.2.4.2.2")})
    assert judged(as_read(made)).proof is ChipProof.NONE


# ---------------------------------------------------------------- unreadable, unsupported


def with_group(number: int, file: bytes) -> ChipRead:
    """A document whose office signed whatever was in that group."""
    groups = {**passport().groups, number: file}
    return as_read(passport(), sod=signer().sign(groups), groups=groups)


def test_what_a_state_signed_and_nobody_can_read_is_unreadable() -> None:
    assert refused(with_group(1, b"\x61\x00")) == Reason.DOCUMENT_UNREADABLE
    assert refused(with_group(1, office.group_1(b"P<UTO"))) == Reason.DOCUMENT_UNREADABLE
    assert (
        refused(with_group(1, office.group_1(HOLDER.lines().replace(b"7408", b"7498")))) == Reason.DOCUMENT_UNREADABLE
    )
    assert refused(with_group(2, b"\x75\x00")) == Reason.DOCUMENT_UNREADABLE
    assert refused(with_group(2, office.group_2(b"\xff\xd8GIF"))) == Reason.DOCUMENT_UNREADABLE
    assert refused(with_group(14, b"\x6e\x02\x05\x00")) == Reason.DOCUMENT_UNREADABLE


def test_a_portrait_of_a_newer_edition_is_unsupported() -> None:
    newer = passport().groups[2].replace(b"\x5f\x2e", b"\x5f\x2d")
    assert refused(with_group(2, newer)) == Reason.DOCUMENT_UNSUPPORTED


def test_an_unreadable_list_is_unreadable_and_one_of_another_kind_unsupported() -> None:
    assert refused(as_read(passport(), sod=b"")) == Reason.DOCUMENT_UNREADABLE
    assert refused(as_read(passport(), sod=bytes(sod.MAX_BYTES + 1))) == Reason.DOCUMENT_UNREADABLE
    other = passport().sod.replace(der.encode_object_id(sod.SECURITY_OBJECT), der.encode_object_id("2.23.136.1.1.2"))
    assert refused(as_read(passport(), sod=other)) == Reason.DOCUMENT_UNSUPPORTED
    data = passport().sod.replace(der.encode_object_id(sod.SIGNED_DATA), der.encode_object_id("1.2.840.113549.1.7.3"))
    assert refused(as_read(passport(), sod=data)) == Reason.DOCUMENT_UNREADABLE


def content(version: int = 0, digest: str = "2.16.840.1.101.3.4.2.1", *numbers: int) -> bytes:
    pairs = [
        der.encode(der.SEQUENCE, der.encode_integer(each), der.encode(der.OCTET_STRING, bytes(32)))
        for each in numbers or (1, 2)
    ]
    algorithm = der.encode(der.SEQUENCE, der.encode_object_id(digest))
    return der.encode(der.SEQUENCE, der.encode_integer(version), algorithm, der.encode(der.SEQUENCE, *pairs))


@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        (content(2), Reason.DOCUMENT_UNSUPPORTED),
        (content(0, "1.3.14.3.2.26"), Reason.DOCUMENT_UNSUPPORTED),
        (content(0, "2.16.840.1.101.3.4.2.1", 1, 1), Reason.DOCUMENT_UNREADABLE),
        (content(0, "2.16.840.1.101.3.4.2.1", 1, 17), Reason.DOCUMENT_UNREADABLE),
        (content(1, "2.16.840.1.101.3.4.2.1", 2), Reason.DOCUMENT_ALTERED),
    ],
    ids=["version", "SHA-1", "twice", "group 17", "without DG1"],
)
def test_a_signed_list_that_is_none_of_ours_is_refused(signed: bytes, reason: Reason) -> None:
    assert refused(as_read(passport(), sod=signer().sign({}, content=signed))) == reason


def test_a_signature_off_the_list_of_algorithms_is_unsupported() -> None:
    sha_1 = der.encode_object_id("1.2.840.10045.4.1")
    at = passport().sod.rindex(der.encode_object_id("1.2.840.10045.4.3.2"))
    old = der.encode_object_id("1.2.840.10045.4.3.2")
    info = passport().sod[:at], passport().sod[at + len(old) :]
    with pytest.raises(Malformed):
        sod.parse(sha_1.join(info))  # the lengths around it no longer fit
    same_length = der.encode_object_id("1.2.840.10045.4.3.9")
    assert refused(as_read(passport(), sod=same_length.join(info))) == Reason.DOCUMENT_UNSUPPORTED


@given(st.data())
def test_any_damage_to_the_list_is_refused(data: st.DataObject) -> None:
    damaged = bytearray(passport().sod)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        listed = sod.parse(bytes(damaged))
        judged(as_read(passport(), sod=bytes(damaged)))
    except (Malformed, DocumentFailed):
        return
    # what is left is outside of what anybody signed: the digests named ahead, versions, hints
    assert listed.signed == sod.parse(passport().sod).signed
    assert listed.content == sod.parse(passport().sod).content


# ---------------------------------------------------------------- what others make of our printing office


def test_another_library_reads_the_same_in_the_list() -> None:
    inner = der.only(passport_with_keys().sod, 0x77).value
    signed = cms.ContentInfo.load(inner, strict=True)["content"]
    listed = sod.parse(passport_with_keys().sod)
    (info,) = signed["signer_infos"]
    assert info["signature"].native == listed.signature
    assert info["signed_attrs"].untag().dump() == listed.signed
    assert info["digest_algorithm"]["algorithm"].dotted == listed.content_digest.name
    assert sorted(listed.group_hashes) == [1, 2, 14, 15]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("altered", [False, True])
def test_openssl_comes_to_the_same_verdict_about_the_list(tmp_path: Path, altered: bool) -> None:
    made: Passport = passport_with_keys()
    data = der.only(made.sod, 0x77).value
    if altered:
        content_now = office.security_object({**made.groups, 2: b"another"})
        data = data.replace(office.security_object(made.groups), content_now)
    (tmp_path / "sod").write_bytes(data)
    (tmp_path / "csca").write_bytes(authority().certificate)
    subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-in", tmp_path / "csca", "-out", tmp_path / "csca.pem"],
        check=True,
        timeout=60,
    )
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", tmp_path / "sod", "-CAfile", tmp_path / "csca.pem"]
    day = int(NOW.timestamp())
    ran = subprocess.run(
        [*command, "-purpose", "any", "-attime", str(day), "-out", tmp_path / "out"], capture_output=True, timeout=60
    )
    assert (ran.returncode == 0) is not altered, ran.stderr
    if not altered:
        assert (tmp_path / "out").read_bytes() == office.security_object(made.groups)
