"""The answers to a client's queries (``iq`` stanzas); one without an answer blocks it for 75 s."""

import time
from collections.abc import Callable, Iterable

from whatsapp_server.elements import GROUPS, SERVER, Attributes, Element, Jid, element
from whatsapp_server.media import Media
from whatsapp_server.people import Group, Person
from whatsapp_server.ratchet import Bundle
from whatsapp_server.timeline import Timeline
from whatsapp_server.world import World

Answer = Callable[[Element], list[Element]]

_PRIVACY = ("readreceipts", "last", "online", "profile", "status", "groupadd", "calladd")


class Queries:
    """Answers by namespace and type."""

    def __init__(self, world: World, media: Media, timeline: Timeline) -> None:
        self._world = world
        self._media = media
        self._timeline = timeline
        self._answers_left: dict[Jid, int] = {}
        self._answers: dict[tuple[str, str], Answer] = {
            ("w:p", "get"): _nothing,
            ("passive", "set"): _nothing,
            ("encrypt", "get"): self._keys,
            ("encrypt", "set"): self._upload_keys,
            ("usync", "get"): self._devices,
            ("w:g2", "get"): self._groups,
            ("w:m", "set"): lambda _: [self._media.connection()],
            ("privacy", "get"): _privacy,
            ("privacy", "set"): _nothing,
            ("w:profile:picture", "get"): _no_picture,
            ("blocklist", "get"): lambda _: [element("list", {"dhash": "test"})],
            ("md", "set"): self._remove_device,
        }

    def answer(self, query: Element) -> list[Element]:
        """Return what the result holds.

        Raises:
            LookupError: What is asked for does not exist.
        """
        handler = self._answers.get((query.text("xmlns"), query.text("type")))
        if handler is None:
            self._timeline.note("unknown-query", query=str(query))
            return []
        return handler(query)

    def silence(self, group: Group, after: int) -> None:
        """Answer so many more queries about the group, and then none."""
        self._answers_left[group.jid] = after

    def is_unanswered(self, query: Element) -> bool:
        """Return whether the client is left to wait for the answer; counts the query."""
        group = query.jid("to")
        if group is None or group not in self._answers_left:
            return False
        self._answers_left[group] -= 1
        return self._answers_left[group] < 0

    def _keys(self, query: Element) -> list[Element]:
        if query.find("count"):
            left = len(self._world.linked.one_time) if self._world.linked else 0
            return [element("count", {"value": left})]
        users = (self._key(user.jid("jid") or SERVER) for user in query.get("key").children("user"))
        return [element("list", None, *users)]

    def _key(self, jid: Jid) -> Element:
        person = self._world.person_at(jid)
        device = person.devices.get(jid.device) if person else None
        if device is None:
            return element("user", {"jid": jid}, _item_not_found())
        bundle = device.bundle()
        registration = element("registration", data=bundle.registration_id.to_bytes(4, "big"))
        attributes: Attributes = {"jid": jid, "t": int(time.time())}
        return element("user", attributes, registration, *key_elements(bundle))

    def _upload_keys(self, query: Element) -> list[Element]:
        linked, keys = self._world.linked, query.find("list")
        if linked is None or keys is None:
            return []
        known = {key_id for key_id, _ in linked.one_time}
        fresh = [(key.get("id").number, key.get("value").data) for key in keys.children("key")]
        linked.one_time += [key for key in fresh if key[0] not in known]
        signed = query.get("skey")
        public, signature = signed.get("value").data, signed.get("signature").data
        linked.signed = (signed.get("id").number, public, signature)
        linked.identity = query.get("identity").data
        linked.registration_id = query.get("registration").number
        self._timeline.note("keys-uploaded", count=len(fresh))
        return []

    def _devices(self, query: Element) -> list[Element]:
        request = query.get("usync")
        wanted = [wish.tag for wish in request.get("query").children()]
        # In a chat with oneself the client asks for the same address twice.
        asked = {_asked(user): user for user in request.get("list").children("user")}
        users = (self._user(jid, user, wanted) for jid, user in asked.items())
        attributes = {name: request.text(name) for name in ("sid", "mode", "context")}
        result = element("result", None, *map(element, wanted))
        listing = element("list", None, *users)
        usync = element("usync", {**attributes, "last": "true", "index": "0"}, result, listing)
        return [usync]

    def _user(self, jid: Jid, asked: Element, wanted: Iterable[str]) -> Element:
        person = self._world.person_at(jid)
        answers = []
        if asked.find("contact") or "contact" in wanted:
            contact = asked.find("contact")
            kind = {"type": "in" if person else "out"}
            answers.append(element("contact", kind, data=contact.data if contact else None))
        if person is not None:
            facts = {
                "devices": self._device_list(person),
                "lid": element("lid", {"val": person.lid_jid}),
                "status": element("status", data=b"available"),
            }
            answers += [facts[wish] for wish in wanted if wish in facts]
        return element("user", {"jid": jid}, *answers)

    def _device_list(self, person: Person) -> Element:
        devices = [element("device", {"id": number}) for number in person.devices]
        linked = self._world.linked
        if person is self._world.account and linked:
            devices.append(element("device", {"id": linked.number, "key-index": linked.number}))
        return element("devices", None, element("device-list", {"hash": "2:test"}, *devices))

    def _groups(self, query: Element) -> list[Element]:
        if query.find("participating"):
            return [element("groups", None, *map(self._group, self._world.groups))]
        group = self._world.group_at(query.jid("to") or GROUPS)
        if group is None:
            raise LookupError("there is no such group")
        return [self._group(group)]

    def _group(self, group: Group) -> Element:
        people = [self._world.account, *group.members]
        owner = people[1] if group.members else people[0]
        mode = group.addressing
        attributes: Attributes = {
            "id": group.jid.user,
            "subject": group.subject,
            "creation": group.created_s,
            "s_t": group.created_s,
            "creator": owner.jid(mode),
            "s_o": owner.jid(mode),
            "size": len(people),
            "addressing_mode": mode,
            "p_v_id": "1",
            "a_v_id": "1",
        }
        return element("group", attributes, *(_member(group, p, owner) for p in people))

    def _remove_device(self, query: Element) -> list[Element]:
        if query.find("remove-companion-device"):
            self._timeline.note("client-logout")
            self._world.unlink()
        return []


def key_elements(bundle: Bundle) -> list[Element]:
    """Return the elements that describe a device's keys."""
    signed = element(
        "skey",
        None,
        element("id", data=bundle.signed_id.to_bytes(3, "big")),
        element("value", data=bundle.signed_public),
        element("signature", data=bundle.signature),
    )
    one_time = element(
        "key",
        None,
        element("id", data=(bundle.one_time_id or 0).to_bytes(3, "big")),
        element("value", data=bundle.one_time_public),
    )
    kind = element("type", data=b"\x05")
    return [kind, element("identity", data=bundle.identity), signed, one_time]


def _member(group: Group, person: Person, owner: Person) -> Element:
    other = "phone_number" if group.addressing == "lid" else "lid"
    attributes = {
        "jid": person.jid(group.addressing),
        other: person.other_jid(group.addressing),
        "type": "superadmin" if person is owner else None,
    }
    return element("participant", attributes)


def _asked(user: Element) -> Jid:
    """The address a query asks for; it may be given as the phone number of a contact."""
    jid = user.jid("jid")
    if jid is not None:
        return jid
    digits = user.get("contact").data.decode().partition("@")[0].strip("+")
    return Jid(digits, "s.whatsapp.net")


def _item_not_found() -> Element:
    return element("error", {"code": 404, "text": "item-not-found"})


def _nothing(_: Element) -> list[Element]:
    return []


def _privacy(_: Element) -> list[Element]:
    categories = (element("category", {"name": name, "value": "all"}) for name in _PRIVACY)
    return [element("privacy", None, *categories)]


def _no_picture(_: Element) -> list[Element]:
    raise LookupError("nobody has a picture")
