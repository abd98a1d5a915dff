"""A TPM that is a dictionary, for crashes by the thousand."""

from gatefw.errors import StoreError


class PowerCut(BaseException):
    """Nothing after it happens."""


class Chip:
    """What a TPM keeps, as `Tpm` gives it; power may be cut while a secret is written."""

    def __init__(self) -> None:
        self.kept: dict[int, bytes | None] = {}
        self.torn = False

    def __call__(self, _tcti: str, _pcrs: str) -> "Chip":
        return self

    def free_pair(self) -> int:
        return 2 * len(self.kept) + 0x100

    def has(self, index: int) -> bool:
        return index in self.kept

    def keep(self, index: int, secret: bytes) -> None:
        self.forget(index)
        self.kept[index] = None
        if self.torn:
            raise PowerCut
        self.kept[index] = secret

    def secret(self, index: int) -> bytes:
        found = self.kept.get(index)
        if found is None:
            raise StoreError("TPM: nothing there")
        return found

    def forget(self, index: int) -> None:
        self.kept.pop(index, None)
