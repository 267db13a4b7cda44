"""The key that signs webhooks (docs/protocol.md section 9.2)."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Signer:
    """An Ed25519 key pair, generated when it is first used."""

    def __init__(self) -> None:
        self._private: Ed25519PrivateKey | None = None

    def jwks(self) -> dict[str, Any]:
        """Return the public key as the platform publishes it.

        Returns:
            A JSON Web Key Set.
        """
        raw = self._key().public_key().public_bytes_raw()
        word = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        key_id = hashlib.sha256(raw).hexdigest()[:16]
        key = {"kty": "OKP", "crv": "Ed25519", "x": word, "kid": key_id, "use": "sig"}
        return {"keys": [key]}

    def sign(self, message: bytes) -> str:
        """Sign a message.

        Args:
            message: The message.

        Returns:
            The signature in hex.
        """
        return self._key().sign(message).hex()

    def _key(self) -> Ed25519PrivateKey:
        if self._private is None:
            # Takes 50 ms to import, and few runs need it.
            from cryptography.hazmat.primitives.asymmetric.ed25519 import (
                Ed25519PrivateKey,
            )

            self._private = Ed25519PrivateKey.generate()
        return self._private
