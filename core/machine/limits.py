"""What a process may have of the machine, looked at before anything heavy is loaded."""

from __future__ import annotations

from ..errors import FAILED, EyebrowError

LEAST = 1.5e9  # bytes of address space that torch, transformers and a small model take


def check_address_space() -> None:
    """Raises `EyebrowError` where `ulimit -v` leaves too little to load the libraries.

    With less, what fails depends on where it fails: OpenBLAS asks again and again without end.
    """
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST:
        raise EyebrowError(
            "Too little memory",
            f"address space is limited to {limit / 1e9:.1f} GB, and it takes {LEAST / 1e9:.1f} GB "
            "or more; raise the limit (`ulimit -v unlimited`)",
            FAILED,
        )
