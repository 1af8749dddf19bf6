"""Addresses as the library has them, and as text."""

from neonize.proto.Neonize_pb2 import JID


def jid(address: str) -> JID:
    """Return the library's form of ``user@server``."""
    user, _, server = address.partition("@")
    return JID(User=user, Server=server, RawAgent=0, Device=0, Integrator=0, IsEmpty=False)


def address(jid: JID) -> str:
    """Return the address without its device."""
    return f"{jid.User}@{jid.Server}"
