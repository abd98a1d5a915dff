"""Wire protocols, one a file: bytes in, meaning out, and back. No ports, threads or clocks; every buffer is capped."""
