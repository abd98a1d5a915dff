"""`[keys]` of a lane file: how the keys of its stores are kept."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from gatefw.settings import Shape


class Provider(StrEnum):
    """Where the secret is that opens the key files: FILE, nowhere else: they hold the keys themselves."""

    FILE = "file"
    CREDENTIAL = "credential"
    TPM = "tpm"


@dataclass(frozen=True, slots=True)
class Keeping:
    """`[keys]`: see docs/secrets.md for what each provider proves.

    credential: the name of the systemd credential that holds the root, 32 bytes. tcti: how the TPM is reached, as
    tpm2-tools has it. pcrs: the root is given only while these registers are as they were when it was made; empty: to
    whoever on this board may ask the TPM.
    """

    provider: Provider = Provider.FILE
    credential: Annotated[str, Shape(r"[a-z0-9][a-z0-9_.\-]{0,79}", "a credential's name")] = "gatefw-root"
    tcti: Annotated[str, Shape(r"[a-z]+(:\S+)?", "a TCTI of tpm2-tools, device:/dev/tpmrm0")] = "device:/dev/tpmrm0"
    pcrs: Annotated[str, Shape(r"(sha(1|256|384|512):\d{1,2}(,\d{1,2})*)?", "a bank and registers, sha256:0,7")] = ""

    def same_as(self, other: "Keeping") -> bool:
        """Whether one root does for both. A TPM that is reached another way is the same one."""
        match self.provider:
            case Provider.FILE:
                return other.provider is Provider.FILE
            case Provider.CREDENTIAL:
                return (other.provider, other.credential) == (self.provider, self.credential)
            case Provider.TPM:
                return (other.provider, other.pcrs) == (self.provider, self.pcrs)


FILES = Keeping()
"""As every gate keeps its keys that is told nothing else."""
