"""Modbus RTU, both directions, as far as doors and contacts need it: discrete inputs and registers. Bytes only.

    unit  function  data ...  CRC-16 (low byte first)           at most 256 bytes

A frame has no start mark: what a request makes possible as its reply is looked for in the bytes that came, and believed
only with unit, function, length, echo and CRC right; noise before and after it is passed over. pymodbus makes and reads
the messages. Source: MODBUS Application Protocol V1.1b3, MODBUS over Serial Line V1.02.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadDiscreteInputsRequest, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
    WriteSingleRegisterRequest,
    WriteSingleRegisterResponse,
)

FRAME_BYTES = 256
REFUSED = 0x80
UNITS = (1, 247)
CODES = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}


class Function(IntEnum):
    READ_INPUTS = 2
    READ_HOLDING = 3
    READ_INPUT_REGISTERS = 4
    WRITE_REGISTER = 6


class Refused(ValueError):
    """The unit understood and said no. `code` is the exception code of the standard."""

    def __init__(self, request: "Request", code: int) -> None:
        self.code = code
        super().__init__(f"{request} was refused: exception {code} ({CODES.get(code, 'not in the standard')})")


_REQUESTS = {
    Function.READ_INPUTS: ReadDiscreteInputsRequest,
    Function.READ_HOLDING: ReadHoldingRegistersRequest,
    Function.READ_INPUT_REGISTERS: ReadInputRegistersRequest,
}
_ANSWERS = {
    Function.READ_INPUTS: ReadDiscreteInputsResponse,
    Function.READ_HOLDING: ReadHoldingRegistersResponse,
    Function.READ_INPUT_REGISTERS: ReadInputRegistersResponse,
}
_replies, _requests = DecodePDU(is_server=False), DecodePDU(is_server=True)
_framer = FramerRTU(_replies)


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one unit. A read has a `count` (registers 1 to 125, inputs 1 to 2000), a write a `value`."""

    unit: int
    function: Function
    address: int
    count: int = 1
    value: int = 0

    def __str__(self) -> str:
        what = self.function.name.lower().replace("_", " ")
        return f"unit {self.unit}: {what} {self.address}" + (f" ({self.count})" if self.count > 1 else "")

    def encode(self) -> bytes:
        if self.function is Function.WRITE_REGISTER:
            message: ModbusPDU = WriteSingleRegisterRequest(
                address=self.address, registers=[self.value], dev_id=self.unit
            )
        else:
            message = _REQUESTS[self.function](address=self.address, count=self.count, dev_id=self.unit)
        return bytes(_framer.buildFrame(message))

    @property
    def data_bytes(self) -> int:
        """How many bytes of data an answer to this read has."""
        return (self.count + 7) // 8 if self.function is Function.READ_INPUTS else 2 * self.count


class Reply:
    """Collects what came after a request. Never keeps more than one frame's length of bytes."""

    def __init__(self, request: Request) -> None:
        self._request, self._came, self._echo = request, bytearray(), request.encode()

    def __len__(self) -> int:
        return len(self._came)

    def feed(self, data: bytes) -> tuple[int, ...] | None:
        """The values (of a write: the one written), or None while there is no whole reply. Raises Refused."""
        for at in range(0, len(data), FRAME_BYTES):
            self._came += data[at : at + FRAME_BYTES]
            found = self._search()
            if found is not None:
                return found
            del self._came[:-FRAME_BYTES]
        return None

    def _search(self) -> tuple[int, ...] | None:
        """Where no reply can begin is not looked at again: rubbish at line rate costs what it weighs."""
        could_begin = last = max(0, len(self._came) - 4)
        for start in range(last):
            size = self._size(start)
            frame = bytes(self._came[start : start + size])
            if len(frame) < size:
                could_begin = min(could_begin, start)
            elif size and _intact(frame) and (values := self._values(frame)) is not None:
                return values
        del self._came[:could_begin]
        return None

    def _size(self, start: int) -> int:
        """How long the frame is that could begin here; 0: none can."""
        request = self._request
        unit, function, third = self._came[start : start + 3]
        if unit != request.unit:
            return 0
        if function == request.function | REFUSED:
            return 5
        if function != request.function:
            return 0
        if request.function is not Function.WRITE_REGISTER:
            return 5 + third if third == request.data_bytes else 0
        echo = self._echo
        return len(echo) if echo.startswith(self._came[start : start + len(echo)]) else 0

    def _values(self, frame: bytes) -> tuple[int, ...] | None:
        message = _replies.decode(frame[1:-2])
        if isinstance(message, ExceptionResponse):
            raise Refused(self._request, message.exception_code)
        if message is None:
            return None
        if self._request.function is Function.READ_INPUTS:
            return tuple(int(bit) for bit in message.bits[: self._request.count])
        return tuple(message.registers)


def _intact(frame: bytes) -> bool:
    whole: bool = FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))
    return whole


# ---------------------------------------------------------------- the other direction: a unit that is asked


@dataclass
class Requests:
    """What a unit hears: requests cut out of bytes, to whatever unit. Bounded by one frame's length."""

    _came: bytearray = field(default_factory=bytearray)

    def __len__(self) -> int:
        return len(self._came)

    def feed(self, data: bytes) -> Iterator[Request]:
        for at in range(0, len(data), FRAME_BYTES):
            self._came += data[at : at + FRAME_BYTES]
            while (request := self._next()) is not None:
                yield request
            del self._came[:-FRAME_BYTES]

    def _next(self) -> Request | None:
        for start in range(len(self._came) - 7):
            frame = bytes(self._came[start : start + 8])
            if frame[1] not in list(Function) or not _intact(frame):
                continue
            message = _requests.decode(frame[1:-2])
            if message is not None:
                del self._came[: start + 8]
                function = Function(frame[1])
                if function is Function.WRITE_REGISTER:
                    return Request(frame[0], function, message.address, value=message.registers[0])
                return Request(frame[0], function, message.address, message.count)
        del self._came[: max(0, len(self._came) - 7)]
        return None


def answer(request: Request, values: Sequence[int]) -> bytes:
    """A unit's answer: the values of a read; a write is echoed whatever they are."""
    if request.function is Function.WRITE_REGISTER:
        message: ModbusPDU = WriteSingleRegisterResponse(
            address=request.address, registers=[request.value], dev_id=request.unit
        )
    elif request.function is Function.READ_INPUTS:
        message = ReadDiscreteInputsResponse(bits=[bool(value) for value in values], dev_id=request.unit)
    else:
        message = _ANSWERS[request.function](registers=list(values), dev_id=request.unit)
    return bytes(_framer.buildFrame(message))


def refusal(request: Request, code: int) -> bytes:
    """A unit's refusal: an exception code of the standard, see CODES."""
    return bytes(_framer.buildFrame(ExceptionResponse(request.function, code, device_id=request.unit)))
