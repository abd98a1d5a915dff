"""EF.SOD: the list of hashes that a state signed, as CMS SignedData (ICAO 9303-10, 4.6.2; RFC 5652). Bytes only.

Taken apart here and judged in `gatefw.travel_document`: nothing in it is believed yet. One signer, signed attributes,
DER throughout. Where the standard leaves a choice that no issuer needs, there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hw.wire import der
from hw.wire.certificate import Algorithm, algorithm
from hw.wire.der import CONTEXT_0, CONTEXT_1, INTEGER, OBJECT_ID, OCTET_STRING, SEQUENCE, SET, Items, Malformed
from hw.wire.lds import SOD_TAG, Unsupported

SIGNED_DATA = "1.2.840.113549.1.7.2"
SECURITY_OBJECT = "2.23.136.1.1.1"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
MAX_BYTES = 32_768
"""An EF.SOD has 1 to 3 kB; a certificate with explicit curve parameters and a large RSA key still fits."""
_MAX_CERTIFICATES = 8
_KEY_IDENTIFIER = 0x80


@dataclass(frozen=True, slots=True)
class SignerName:
    """Which certificate signed: by issuer (an encoded Name) and serial number, or by its key identifier."""

    issuer: bytes = b""
    serial: int = 0
    key_identifier: bytes = b""


@dataclass(frozen=True, slots=True)
class SecurityObject:
    """What EF.SOD says. `signed` is what the signature is over; `digest` what it says of `content`'s hash."""

    content: bytes = field(repr=False)
    group_digest: Algorithm
    group_hashes: Mapping[int, bytes] = field(repr=False)
    signer: SignerName
    certificates: tuple[bytes, ...] = field(repr=False)
    content_digest: Algorithm
    digest: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature_algorithm: Algorithm
    signature: bytes = field(repr=False)


def parse(file: bytes) -> SecurityObject:
    """The security object in a whole EF.SOD. Raises Malformed; Unsupported for another kind of content."""
    if len(file) > MAX_BYTES:
        raise Malformed(f"an EF.SOD of over {MAX_BYTES} bytes")
    outer = Items(der.only(der.only(file, SOD_TAG, strict=False).value, SEQUENCE))
    if der.object_id(outer.take(OBJECT_ID)) != SIGNED_DATA:
        raise Malformed("EF.SOD holds no signed data")
    signed_data = Items(der.only(outer.take(CONTEXT_0).value, SEQUENCE))
    outer.end()
    der.integer(signed_data.take(INTEGER))
    signed_data.take(SET)  # the digests named ahead, for readers of streams
    content = _content(signed_data.take(SEQUENCE))
    certificates = signed_data.take_if(CONTEXT_0)
    signed_data.take_if(CONTEXT_1)  # revocation lists: ours come from the store, never from the document
    infos = signed_data.take(SET).items()
    signed_data.end()
    held = certificates.items() if certificates is not None else []
    if len(infos) != 1 or len(held) > _MAX_CERTIFICATES:
        raise Malformed(f"EF.SOD has {len(infos)} signers and {len(held)} certificates")
    return _signer(infos[0], content, tuple(each.encoded for each in held))


def _content(element: der.Element) -> bytes:
    parts = Items(element)
    kind = der.object_id(parts.take(OBJECT_ID))
    if kind != SECURITY_OBJECT:
        raise Unsupported(f"EF.SOD holds a {kind}, not a security object of ICAO 9303-10")
    content = der.only(parts.take(CONTEXT_0).value, OCTET_STRING).value
    parts.end()
    return content


def _signer(element: der.Element, content: bytes, certificates: tuple[bytes, ...]) -> SecurityObject:
    parts = Items(element)
    der.integer(parts.take(INTEGER))
    identifier = parts.take_if(_KEY_IDENTIFIER)
    name = SignerName(key_identifier=identifier.value) if identifier is not None else _by_serial(parts.take(SEQUENCE))
    content_digest = algorithm(parts.take(SEQUENCE))
    attributes = parts.take(CONTEXT_0)
    signature_algorithm = algorithm(parts.take(SEQUENCE))
    signature = parts.take(OCTET_STRING).value
    parts.take_if(CONTEXT_1)
    parts.end()
    group_digest, group_hashes = _security_object(content)
    return SecurityObject(
        content=content,
        group_digest=group_digest,
        group_hashes=group_hashes,
        signer=name,
        certificates=certificates,
        content_digest=content_digest,
        digest=_attested(attributes),
        signed=der.encode(SET, attributes.value),  # signed under its own tag, sent under another (RFC 5652, 5.4)
        signature_algorithm=signature_algorithm,
        signature=signature,
    )


def _by_serial(element: der.Element) -> SignerName:
    parts = Items(element)
    issuer, serial = parts.take(SEQUENCE).encoded, der.integer(parts.take(INTEGER))
    parts.end()
    return SignerName(issuer, serial)


def _attested(attributes: der.Element) -> bytes:
    """The hash that the signer attests for the content. Its kind is attested too; each exactly once, with one value."""
    values: dict[str, der.Element] = {}
    for attribute in attributes.items():
        parts = Items(attribute)
        kind = der.object_id(parts.take(OBJECT_ID))
        held = parts.take(SET).items()
        parts.end()
        if kind in values or (kind in (CONTENT_TYPE, MESSAGE_DIGEST) and len(held) != 1):
            raise Malformed("a signed attribute of EF.SOD is there twice")
        values[kind] = held[0] if held else attribute
    if CONTENT_TYPE not in values or der.object_id(values[CONTENT_TYPE]) != SECURITY_OBJECT:
        raise Malformed("the signer of EF.SOD does not attest a security object")
    return der.expect(values.get(MESSAGE_DIGEST), OCTET_STRING).value


def _security_object(content: bytes) -> tuple[Algorithm, Mapping[int, bytes]]:
    parts = Items(der.only(content, SEQUENCE))
    if der.integer(parts.take(INTEGER)) not in (0, 1):
        raise Unsupported("the security object is of an unknown version")
    digest = algorithm(parts.take(SEQUENCE))
    hashes: dict[int, bytes] = {}
    for each in parts.take(SEQUENCE).items():
        pair = Items(each)
        number, value = der.integer(pair.take(INTEGER)), pair.take(OCTET_STRING).value
        pair.end()
        if number in hashes or not 1 <= number <= 16:
            raise Malformed("the security object lists a group twice, or one that there is not")
        hashes[number] = value
    parts.take_if(SEQUENCE)  # versions of the data structure
    parts.end()
    return digest, hashes
