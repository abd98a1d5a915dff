"""Whom we trust: what a directory of certificates and revocation lists may hold, and what is said of the rest."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from utopia import BEGAN, NOW, authority, fill, revocations, signer

from gatefw import csca_certificate, csca_store
from gatefw.csca_store import CscaStore, Problem
from gatefw.errors import StoreError
from gatefw.signature import NotAllowed
from hw.sim.passport import Authority, Signer
from hw.wire.der import Malformed


def problems(directory: Path) -> list[Problem]:
    return csca_store.read(directory, NOW)[1]


def only(directory: Path) -> Problem:
    (found,) = problems(directory)
    return found


def pem(data: bytes, what: str = "CERTIFICATE") -> bytes:
    body = base64.encodebytes(data)
    return f"-----BEGIN {what}-----\n".encode() + body + f"-----END {what}-----\n".encode()


def test_a_directory_with_an_authority_and_its_list_is_a_store(tmp_path: Path) -> None:
    fill(
        tmp_path, csca_cer=authority().certificate, utopia_crl=revocations(authority(), 7), README_txt=b"not looked at"
    )
    store = csca_store.load(tmp_path, NOW)
    assert [each.country for each in store.authorities] == ["UT"]
    assert [each.serials for each in store.revocations] == [{7}]
    assert problems(tmp_path) == []


def test_files_may_wear_pem_armour(tmp_path: Path) -> None:
    fill(tmp_path, csca_pem=pem(authority().certificate), list_crl=pem(revocations(authority()), "X509 CRL"))
    assert len(csca_store.load(tmp_path, NOW).revocations) == 1
    fill(tmp_path, csca_pem=b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n")
    assert "base64" in problems(tmp_path)[0].text


def test_an_authority_that_a_trusted_one_vouches_for_is_trusted_over_any_number_of_links(tmp_path: Path) -> None:
    first, second, third = Authority(began=BEGAN), Authority(began=BEGAN), Authority(began=BEGAN)
    second_link = first.certify(second.name, second.key.public_key(), authority=True)
    third_link = second.certify(third.name, third.key.public_key(), authority=True)
    fill(tmp_path, a_cer=third_link, b_cer=first.certificate, c_cer=second_link)
    assert len(csca_store.load(tmp_path, NOW).authorities) == 3
    (tmp_path / "c.cer").unlink()
    assert only(tmp_path) == Problem(
        str(tmp_path / "a.cer"), "neither signed itself nor is signed by a certificate that is trusted here"
    )


def test_an_authority_cannot_vouch_for_one_of_another_state(tmp_path: Path) -> None:
    ours, theirs = Authority("UT", began=BEGAN), Authority("DE", began=BEGAN)
    fill(tmp_path, a_cer=ours.certificate, b_cer=ours.certify(theirs.name, theirs.key.public_key(), authority=True))
    assert "neither signed itself" in only(tmp_path).text


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("csca_cer", b"", "torn off"),
        ("csca_cer", b"\x31\x00", "tag 30"),
        ("list_crl", b"\x30\x00", "the end"),
        ("huge_cer", bytes(csca_store.MAX_FILE_BYTES + 1), "over 8388608 bytes"),
        ("long_cer", b"\x30" + bytes(20_000), "over 16384 bytes"),
    ],
)
def test_a_broken_file_is_named_and_keeps_the_daemon_from_starting(
    tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    fill(tmp_path, good_cer=authority().certificate, **{name: data})
    found = only(tmp_path)
    assert (says in found.text, found.warning) == (True, False)
    with pytest.raises(StoreError, match=name.replace("_", ".")):
        csca_store.load(tmp_path, NOW)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    fill(tmp_path, a_cer=b"", b_crl=b"")
    with pytest.raises(StoreError, match=r"a\.cer") as refused:
        csca_store.load(tmp_path, NOW)
    assert any("b.crl" in note for note in refused.value.__notes__)


def test_a_signer_is_no_authority(tmp_path: Path) -> None:
    fill(tmp_path, good_cer=authority().certificate, signer_cer=signer().certificate)
    assert "no certificate of an authority" in only(tmp_path).text


def test_an_authority_without_a_country_vouches_for_nobody(tmp_path: Path) -> None:
    nowhere = Authority(began=BEGAN)
    nowhere.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CSCA")])
    fill(tmp_path, a_cer=nowhere.certify(nowhere.name, nowhere.key.public_key(), authority=True))
    assert "names no country" in problems(tmp_path)[0].text


def test_an_authority_with_a_short_key_is_named(tmp_path: Path) -> None:
    weak = Authority(key=rsa.generate_private_key(65537, 1024), began=BEGAN)
    fill(tmp_path, good_cer=authority().certificate, weak_cer=weak.certificate)
    assert "1024 bits" in only(tmp_path).text


@pytest.mark.parametrize("began", [NOW + timedelta(days=1), NOW - timedelta(days=4000)])
def test_an_authority_out_of_its_time_is_a_warning(tmp_path: Path, began: object) -> None:
    fill(tmp_path, csca_cer=Authority(began=began).certificate)  # type: ignore[arg-type]
    found = only(tmp_path)
    assert ("is valid from" in found.text, found.warning) == (True, True)
    assert len(csca_store.load(tmp_path, NOW).authorities) == 1


def test_a_list_that_is_out_of_date_is_a_warning_and_still_revokes(tmp_path: Path) -> None:
    fill(tmp_path, csca_cer=authority().certificate, old_crl=revocations(authority(), signer().serial, days=0))
    found = only(tmp_path)
    assert ("out of date" in found.text, found.warning) == (True, True)
    store, office = csca_store.load(tmp_path, NOW), csca_certificate.read(authority().certificate)
    assert store.revoked(csca_certificate.read(signer().certificate), office, NOW) is True
    other = csca_certificate.read(Signer(authority()).certificate)
    assert store.revoked(other, office, NOW) is None


def test_a_list_that_somebody_else_signed_is_refused(tmp_path: Path) -> None:
    false = Authority(began=BEGAN)  # it has the name of the real one
    fill(tmp_path, csca_cer=authority().certificate, false_crl=revocations(false))
    assert "not signed by a certificate of its issuer" in only(tmp_path).text


def test_an_authority_that_revoked_itself_vouches_for_nobody() -> None:
    office = csca_certificate.read(authority().certificate)
    given_up = csca_certificate.read_revocations(revocations(authority(), office.subject.serial))
    store = CscaStore((office,), (given_up,))
    assert store.revoked(csca_certificate.read(signer().certificate), office, NOW) is True


def test_a_list_without_an_end_never_tells_that_somebody_is_good() -> None:
    office = csca_certificate.read(authority().certificate)
    endless = csca_certificate.read_revocations(revocations(authority()))
    unknown = csca_certificate.Revocations(endless.signed, endless.issuer, endless.begins, None, endless.serials)
    assert CscaStore((office,), (unknown,)).revoked(csca_certificate.read(signer().certificate), office, NOW) is None


def test_a_directory_that_is_not_there_empty_or_open_to_all_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in only(tmp_path / "none").text
    empty = fill(tmp_path / "empty")
    assert "no CSCA certificate" in only(empty).text
    fill(empty, csca_cer=authority().certificate)
    empty.chmod(0o777)
    assert ("chmod o-w" in only(empty).text, only(empty).warning) == (True, False)


def test_a_file_that_everybody_may_write_is_not_trusted(tmp_path: Path) -> None:
    fill(tmp_path, good_cer=authority().certificate, open_cer=authority().certificate)
    (tmp_path / "open.cer").chmod(0o666)
    assert ("open.cer" in only(tmp_path).file, "chmod o-w" in only(tmp_path).text) == (True, True)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    fill(tmp_path, good_cer=authority().certificate)
    (tmp_path / "gone.cer").symlink_to(tmp_path / "nowhere")
    assert ("gone.cer" in only(tmp_path).file, "cannot be read" in only(tmp_path).text) == (True, True)


def test_more_files_than_any_store_has_are_not_read(tmp_path: Path) -> None:
    for number in range(csca_store.MAX_FILES + 1):
        (tmp_path / f"{number}.cer").touch()
    assert "2001 files" in only(tmp_path).text


# ---------------------------------------------------------------- certificates


def test_an_extension_that_must_be_understood_and_is_not_refuses_the_certificate() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.23.136.1.1.6.2"), b"\x05\x00")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "UT")])
    with pytest.raises(NotAllowed, match=r"2\.23\.136\.1\.1\.6\.2"):
        csca_certificate.read(authority().certify(name, key.public_key(), extension=odd))


def test_a_list_for_some_certificates_only_is_refused() -> None:
    part = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    builder = x509.CertificateRevocationListBuilder(authority().name, BEGAN, NOW).add_extension(part, critical=True)
    data = builder.sign(authority().key, hashes.SHA256()).public_bytes(Encoding.DER)
    with pytest.raises(NotAllowed, match="not understood"):
        csca_certificate.read_revocations(data)


def test_a_certificate_that_names_two_algorithms_is_refused() -> None:
    data = bytearray(authority().certificate)
    at = data.rindex(bytes.fromhex("2a8648ce3d040302"))
    data[at + 7] = 3
    with pytest.raises(Malformed, match="two signature algorithms"):
        csca_certificate.read(bytes(data))


def test_a_certificate_of_an_impossible_version_is_malformed_though_its_library_calls_it_something_else() -> None:
    data = authority().certificate.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020109"), 1)
    with pytest.raises(Malformed, match="InvalidVersion"):
        csca_certificate.read(data)


def test_a_certificate_without_a_serial_number_of_its_own_is_malformed() -> None:
    data = bytearray(authority().certificate)
    at = data.index(bytes.fromhex("a003020102")) + 5
    assert data[at] == 0x02
    data[at + 2] |= 0x80
    with pytest.raises(Malformed, match="serial number"):
        csca_certificate.read(bytes(data))


def test_names_are_the_same_whatever_their_case_and_spaces() -> None:
    one, other = Authority(began=BEGAN), Authority(began=BEGAN)
    other.name = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "ut"), x509.NameAttribute(NameOID.COMMON_NAME, " csca   UT")]
    )
    named_otherwise = other.certify(other.name, other.key.public_key(), authority=True)
    assert csca_certificate.read(named_otherwise).name == csca_certificate.read(one.certificate).name


@given(st.data())
def test_any_damage_to_a_certificate_or_list_is_found_or_breaks_its_signature(data: st.DataObject) -> None:
    office = csca_certificate.read(authority().certificate)
    seed = data.draw(st.sampled_from((authority().certificate, revocations_once())))
    read = csca_certificate.read if seed == authority().certificate else csca_certificate.read_revocations
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
    if bytes(damaged) == seed:
        return
    try:
        found = read(bytes(damaged))
        assert not office.vouches_for(found.signed)
    except (Malformed, NotAllowed):
        return


LIST: list[bytes] = []


def revocations_once() -> bytes:
    if not LIST:
        LIST.append(revocations(authority(), 7, 8))
    return LIST[0]
