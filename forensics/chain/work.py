"""How much arithmetic one installation may cost: key stretching on a disk made to waste it would take days."""

from __future__ import annotations

from forensics.formats.private_key import DsaPrivateKey, PrivateKey, RsaPrivateKey
from forensics.language import sentence
from forensics.sources.installation import Installation

MAX_WORK = 5_000_000
"""Evidence: rounds of HMAC for one installation, about 1.5 microseconds each: 125 master keys of 8,000 rounds that
nothing opens. What is not tried is not examined.
"""

MAX_EXTRA_WORK = 3_000_000
"""Evidence: rounds of HMAC for passwords of users that nobody gave (CREDHIST, TBAL, the empty one), apart from the
above, so that they take nothing from what was given and from DPAPI_SYSTEM: 375 tries of 8,000 rounds.
"""

RSA_OPERATION = 20_000
"""What one use of a private RSA key of 2048 to 4096 bits costs."""

PROTECTED_USER = 2_000
"""What the stretching of one NT hash costs, by which keys of protected users open: 10,000 rounds of SHA-256 in C."""

_ATTEMPT = 20
_WITNESS_FACTOR = 8
_PER_SQUARE = {RsaPrivateKey: 10, DsaPrivateKey: 400}


class Work:
    """Counts down what the attempts on one installation may still cost.

    Args:
        installation: Where it is recorded that the work ran out.
        with_witness: Each derivation is repeated by impacket, which is slower.
        left: Rounds of HMAC that may be run, where others than usual.
    """

    def __init__(self, installation: Installation, with_witness: bool = False, left: int | None = None) -> None:
        self._installation = installation
        self._factor = _WITNESS_FACTOR if with_witness else 1
        self._left = MAX_WORK if left is None else left
        self._told = False

    def may(self, rounds: int, path: str) -> bool:
        """Take work from what is left; False, and once a problem, when it is more than that.

        Args:
            rounds: Rounds of HMAC.
            path: The file they are for.
        """
        cost = (_ATTEMPT + rounds) * self._factor
        if cost <= self._left:
            self._left -= cost
            return True
        if not self._told:
            self._told = True
            message = sentence(
                "trying the keys of this disk costs too much: this one and further costly ones are not tried"
            )
            self._installation.problem(path, "too_much_work", message)
        return False

    def may_check(self, key: PrivateKey, path: str) -> bool:
        """Take the work of a key's own arithmetic."""
        public = key.public
        kilobits = -(-public.bits // 1024) if public else 0
        return self.may(_PER_SQUARE.get(type(key), 0) * kilobits**2, path)
