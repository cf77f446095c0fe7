"""Secrets at rest: sealed by the newest key, opened by any that lives."""

import pytest

from services.kit.vault import SecretUnreadable, Vault, new_key

SECRETS = [b"\x00\xff" * 16, b"second"]


def test_what_is_sealed_opens_and_does_not_show() -> None:
    vault = Vault(new_key())
    sealed = vault.seal(SECRETS)
    assert vault.open(sealed) == SECRETS
    for secret in SECRETS:
        assert secret not in sealed
        assert secret.hex().encode() not in sealed
    assert vault.seal(SECRETS) != sealed


def test_two_keys_live_while_one_rotates() -> None:
    old, new = new_key(), new_key()
    before = Vault(old).seal(SECRETS)
    both = Vault(f"{new}, {old}")
    assert both.open(before) == SECRETS
    after = both.seal(SECRETS)
    assert Vault(new).open(after) == SECRETS
    with pytest.raises(SecretUnreadable):
        Vault(old).open(after)


def test_a_key_that_is_gone_is_named_as_the_cause() -> None:
    sealed = Vault(new_key()).seal(SECRETS)
    with pytest.raises(SecretUnreadable, match="HEADWATER_SECRET_KEY") as why:
        Vault(new_key()).open(sealed)
    assert why.value.__cause__ is None


KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
"""A fixed one, so that every test process names its tests alike."""


@pytest.mark.parametrize("place", [0, 20, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    vault = Vault(new_key())
    sealed = bytearray(vault.seal(SECRETS))
    sealed[place] = ord("A") if sealed[place] != ord("A") else ord("B")
    with pytest.raises(SecretUnreadable):
        vault.open(bytes(sealed))


@pytest.mark.parametrize("keys", ["", "short", "x" * 44, f"{KEY},"])
def test_what_is_no_key_stops_the_start(keys: str) -> None:
    with pytest.raises(ValueError, match=r".") as why:
        Vault(keys)
    assert keys == "" or keys not in str(why.value)


def test_no_secrets_are_some_too() -> None:
    vault = Vault(new_key())
    assert vault.open(vault.seal([])) == []
