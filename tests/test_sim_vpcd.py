"""A virtual document at the virtual reader's port, whose side is played here."""

import socket
from collections.abc import Iterator

import pytest
from peers import until

from hw.sim.chip import ATR, Chip
from hw.sim.chip_faults import torn_off
from hw.sim.chip_keys import Personalisation, personalise
from hw.sim.passport import Authority, Signer
from hw.sim.vpcd import VirtualDocument


@pytest.fixture(scope="module")
def made() -> Personalisation:
    return personalise(Signer(Authority()), picture=b"\xff\xd8\xff" + bytes(100))[1]


@pytest.fixture
def port() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        yield listening


def lay_down(port: socket.socket, chip: Chip) -> tuple[VirtualDocument, socket.socket]:
    document = VirtualDocument(chip, port.getsockname()[1])
    reader, _ = port.accept()
    reader.settimeout(30)
    return document, reader


def said(reader: socket.socket) -> bytes:
    with reader.makefile("rb") as file:
        return file.read(int.from_bytes(file.read(2), "big"))


def say(reader: socket.socket, message: bytes) -> None:
    reader.sendall(len(message).to_bytes(2, "big") + message)


def test_it_says_its_atr_and_answers_commands_and_a_reset_forgets(port: socket.socket, made: Personalisation) -> None:
    chip = Chip(made)
    document, reader = lay_down(port, chip)
    with reader:
        say(reader, b"\4")
        assert said(reader) == ATR
        say(reader, bytes.fromhex("0084000008"))
        assert said(reader)[-2:] == b"\x90\x00"
        say(reader, b"\2")
        say(reader, bytes.fromhex("0082000028" + "00" * 40 + "28"))
        assert said(reader) == b"\x69\x85"
        document.take_away()
        assert reader.recv(1) == b""
        document.take_away()


def test_a_command_may_come_in_pieces(port: socket.socket, made: Personalisation) -> None:
    document, reader = lay_down(port, Chip(made))
    with reader:
        for byte in b"\0\5\0\x84\0\0\x08":
            reader.sendall(bytes([byte]))
        assert len(said(reader)) == 10
        document.take_away()


def test_a_chip_that_is_torn_off_hangs_up(port: socket.socket, made: Personalisation) -> None:
    document, reader = lay_down(port, Chip(made, torn_off(1)))
    with reader:
        say(reader, bytes.fromhex("0084000008"))
        assert len(said(reader)) == 10
        say(reader, bytes.fromhex("0084000008"))
        assert reader.recv(1) == b""
        document.take_away()


def test_a_reader_that_hangs_up_ends_it(port: socket.socket, made: Personalisation) -> None:
    document, reader = lay_down(port, Chip(made))
    reader.close()
    until(lambda: not document.lies, "the document has noticed")
    document.take_away()
