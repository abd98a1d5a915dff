"""Secrets of 32 bytes in the non-volatile memory of a TPM 2.0, by the programs of tpm2-tools.

A secret goes to and from the TPM by a pipe, never through a file. Reading needs no password; what protects it is that
it leaves this chip for this board alone and, where registers are named, in the state that they had. Writing and
forgetting need the owner's authorisation, which is to be empty. On a chip that hangs on a bus (SPI, I2C) the secret
crosses that bus in clear: whoever can solder a probe to a running board reads it.
"""

import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gatefw.errors import StoreError

SECRET_BYTES = 32
FIRST, PAIRS = 0x01800000, 0x200000
"""The indices that the TCG leaves to the owner of a TPM, in pairs."""
ANSWER_S = 60.0


class Tpm:
    """One TPM. Any thread, any process; every method raises StoreError: it cannot be asked, or says no."""

    def __init__(self, tcti: str, pcrs: str = "") -> None:
        self._tcti, self._pcrs = tcti, pcrs

    def free_pair(self) -> int:
        """An even index; it and the next one are nobody's. Drawn among millions, so that two who ask differ."""
        used = self._indices()
        while True:
            index = FIRST + 2 * secrets.randbelow(PAIRS)
            if not {index, index + 1} & used:
                return index

    def has(self, index: int) -> bool:
        """Whether something is kept there."""
        return index in self._indices()

    def keep(self, index: int, secret: bytes) -> None:
        """Keep it there, in place of what was; read back before this returns."""
        self.forget(index)
        with tempfile.TemporaryDirectory(prefix="gatefw-") as folder:
            if self._pcrs:
                policy = Path(folder) / "policy"
                self._run("createpolicy", "--policy-pcr", "-l", self._pcrs, "-L", str(policy))
                how = ["-a", "ownerwrite|policyread", "-L", str(policy)]
            else:
                how = ["-a", "ownerwrite|authread"]
            self._run("nvdefine", "-C", "o", "-s", str(SECRET_BYTES), *how, hex(index))
        self._run("nvwrite", "-C", "o", "-i", "-", hex(index), given=secret)
        if self.secret(index) != secret:
            raise StoreError(
                f"TPM {self._tcti}: index {index:#x}: does not give back what was written; replace the TPM"
            )

    def secret(self, index: int) -> bytes:
        """What is kept there."""
        how = ["-P", f"pcr:{self._pcrs}"] if self._pcrs else []
        return self._run("nvread", "-s", str(SECRET_BYTES), *how, hex(index))

    def forget(self, index: int) -> None:
        """Nothing is kept there from now on, for ever."""
        if self.has(index):
            self._run("nvundefine", "-C", "o", hex(index))

    def _indices(self) -> set[int]:
        return {int(found, 16) for found in re.findall(rb"0x[0-9a-fA-F]+", self._run("getcap", "handles-nv-index"))}

    def _run(self, tool: str, *arguments: str, given: bytes = b"") -> bytes:
        asked = f"TPM {self._tcti}: tpm2_{tool} {_index(arguments)}".rstrip()
        env = {**os.environ, "TPM2TOOLS_TCTI": self._tcti, "TSS2_LOG": "all+NONE"}
        try:
            ran = subprocess.run(
                [f"tpm2_{tool}", *arguments], input=given, capture_output=True, env=env, timeout=ANSWER_S, check=False
            )
        except FileNotFoundError as error:
            raise StoreError(f"{asked}: the program is not there; install tpm2-tools") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StoreError(
                f"{asked}: no answer: {error}; is the TPM there, and may we use it (group tss)?"
            ) from error
        if ran.returncode:
            said = "; ".join(ran.stderr.decode(errors="replace").split("\n")[:2]).strip("; ")
            raise StoreError(
                f"{asked}: refused: {said}; is it there, may we use it (group tss), is the owner's authorisation "
                f"empty{f', and are the registers {self._pcrs} as they were' if self._pcrs else ''}?"
            )
        return ran.stdout


def _index(arguments: Sequence[str]) -> str:
    return arguments[-1] if arguments and arguments[-1].startswith("0x") else ""
