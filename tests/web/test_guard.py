"""Who is let in, and what the browser may do with what it gets."""

import pytest

from butler.web.guard import POLICY
from panel_kit import ORIGIN, PORT, post

PAGES = ["/", "/questions", "/runs", "/chats", "/log", "/figures", "/link", "/log/export.json"]


@pytest.mark.parametrize("path", [*PAGES, "/now/stream", "/nope", "/try"])
def test_who_has_not_signed_in_sees_nothing(stranger, path):
    answer = stranger.get(path, headers={"sec-fetch-site": "same-origin"})

    assert answer.status_code == 401
    assert "api" not in answer.text


@pytest.mark.parametrize("path", ["/act", "/link", "/try"])
def test_who_has_not_signed_in_does_nothing(stranger, source, path):
    assert post(stranger, path, do="stop", chat="team@g.us", run="1").status_code == 401
    assert source.said == []


def test_a_link_lets_in_once(stranger, panel):
    token = panel.doorkeeper.new_token()

    first = post(stranger, "/sign-in", token=token)
    second = post(stranger, "/sign-in", token=token)

    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert second.status_code == 403
    assert "works once" in second.text
    assert "butler panel" in second.text


def test_the_whole_link_can_be_pasted(stranger, panel):
    link = f"{ORIGIN}/sign-in#{panel.doorkeeper.new_token()}"

    assert post(stranger, "/sign-in", token=link).status_code == 303


def test_a_wrong_link_says_how_to_get_another(stranger):
    answer = post(stranger, "/sign-in", token="nonsense")

    assert answer.status_code == 403
    assert "not from the panel that runs here now" in answer.text


def test_the_cookie_is_for_this_panel_only(stranger, panel):
    answer = post(stranger, "/sign-in", token=panel.doorkeeper.new_token())

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{panel.doorkeeper.cookie}=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_a_cookie_of_another_panel_is_not_one(owner, panel):
    owner.cookies.clear()
    owner.cookies.set("butler-00000000", "x" * 43)

    assert owner.get("/").status_code == 401


def test_signing_out_ends_it(owner):
    assert post(owner, "/sign-out").status_code == 200
    assert owner.get("/").status_code == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "butler.localhost", f"localhost:{PORT}",
     f"butler.localhost.evil.example:{PORT}", "127.0.0.1:1", ""],
)  # fmt: skip
def test_another_name_is_not_this_panel(owner, host):
    assert owner.get("/", headers={"host": host}).status_code == 421


def test_the_second_name_is(stranger):
    assert stranger.get("/sign-in", headers={"host": f"127.0.0.1:{PORT}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "null"}, {"origin": "http://evil.example"},
     {"origin": f"http://butler.localhost:{PORT + 1}"}, {"origin": f"https://butler.localhost:{PORT}"},
     {"origin": f"http://127.0.0.1:{PORT}"}, {"sec-fetch-site": "cross-site"}],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/act", "/sign-out", "/link", "/try"])
def test_what_acts_comes_from_a_page_of_the_panel(owner, source, path, headers):
    answer = owner.post(path, data={"do": "clear", "chat": "team@g.us"}, headers=headers)

    assert answer.status_code == 403
    assert source.said == []


@pytest.mark.parametrize(
    "path", ["/now/stream", "/questions/stream", "/link/stream", "/try/stream"]
)
@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://evil.example"}, {"sec-fetch-site": "same-site"}]
)
def test_a_stream_is_for_a_page_of_the_panel(owner, path, headers):
    assert owner.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("path", [*PAGES, "/nope", "/static/panel.css", "/sign-in"])
def test_every_answer_tells_the_browser_to_trust_nothing_else(owner, path):
    headers = owner.get(path).headers

    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")


def test_a_script_that_has_not_changed_is_not_sent_again(owner):
    tag = owner.get("/static/htmx.min.js").headers["etag"]

    answer = owner.get("/static/htmx.min.js", headers={"if-none-match": tag})

    assert (answer.status_code, answer.content) == (304, b"")


def test_a_form_of_any_size_is_not_read(owner):
    assert post(owner, "/act", do="x" * 70_000).status_code == 413


@pytest.mark.parametrize("length", [{}, {"content-length": "18"}])
def test_a_form_that_may_go_on_is_not_read(owner, length):
    def parts():
        yield b"do=clear&chat=team"

    headers = {"origin": ORIGIN, "transfer-encoding": "chunked", **length}
    answer = owner.post("/act", content=parts(), headers=headers)

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/static/nope", 404), ("GET", "/sign-in/nope", 404), ("PUT", "/sign-in", 405)],
)
def test_what_a_stranger_asks_for_wrongly_is_answered_in_words(stranger, method, path, status):
    headers = {"origin": ORIGIN, "content-length": "0"}

    assert stranger.request(method, path, headers=headers).status_code == status
