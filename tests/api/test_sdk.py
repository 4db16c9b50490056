"""Plivo's own SDK, unmodified, against a running node: every method of the resources that need no live call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import plivo
import pytest
from plivo import exceptions

from offhook.testing.live import NodeProcess

from .conftest import MAIN, TOKEN, plivo_here

Maker = Callable[..., plivo.RestClient]


def test_the_account_can_be_read_and_changed(client: plivo.RestClient) -> None:
    account = client.account.get()
    assert (account.auth_id, account.timezone, account.cash_credits) == (MAIN, "UTC", "0.00000")
    assert account.resource_uri == f"/v1/Account/{MAIN}/"
    changed = client.account.update(name="Jane's shop", city="Lyon")
    assert changed.message == "changed"
    assert len(changed.api_id) == 36
    account = client.account.get()
    assert (account.name, account.city, account.address) == ("Jane's shop", "Lyon", None)


def test_subaccounts_are_made_listed_changed_and_removed(client: plivo.RestClient) -> None:
    made = client.subaccounts.create("branch", True)
    assert made.message == "created"
    assert made.auth_id.startswith("SA")
    found = client.subaccounts.get(made.auth_id)
    assert (found.name, found.enabled, found.auth_token) == ("branch", True, made.auth_token)
    assert found.account == f"/v1/Account/{MAIN}/"
    assert found.modified is None
    assert made.auth_id in {each.auth_id for each in client.subaccounts.list()}

    branch = plivo.RestClient(made.auth_id, made.auth_token, timeout=30)
    assert branch.account.get().auth_id == made.auth_id
    assert client.subaccounts.update(made.auth_id, "shut", False).message == "changed"
    assert client.subaccounts.get(made.auth_id).enabled is False
    with pytest.raises(exceptions.AuthenticationError):
        branch.account.get()
    client.subaccounts.delete(made.auth_id)
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.subaccounts.get(made.auth_id)


def test_what_a_removed_subaccount_had_goes_to_the_main_account_or_away(client: plivo.RestClient, subaccount: Maker) -> None:
    for cascade in (True, False):
        created = client.subaccounts.create("closing", True)
        branch = plivo.RestClient(created.auth_id, created.auth_token, timeout=30)
        app_id = branch.applications.create("left", answer_url="https://h.example/", default_number_app=True).app_id
        endpoint = branch.endpoints.create("desk", "secret", "desk", app_id)
        client.subaccounts.delete(created.auth_id, cascade=cascade)
        if cascade:
            with pytest.raises(exceptions.ResourceNotFoundError):
                client.applications.get(app_id)
            with pytest.raises(exceptions.ResourceNotFoundError):
                client.endpoints.get(endpoint.endpoint_id)
        else:
            assert client.applications.get(app_id).default_app is False
            assert client.endpoints.get(endpoint.endpoint_id).sub_account is None
            client.applications.delete(app_id)


def test_applications_are_made_read_changed_and_removed(client: plivo.RestClient) -> None:
    made = client.applications.create("my app", answer_url="https://h.example/answer", hangup_method="GET")
    assert made.message == "created"
    assert made.app_id.isdigit()
    assert len(made.app_id) == 17
    found = client.applications.get(made.app_id)
    assert (found.app_name, found.answer_url, found.answer_method) == ("my app", "https://h.example/answer", "POST")
    assert (found.hangup_url, found.hangup_method) == ("https://h.example/answer", "GET")
    assert found.sip_uri == f"sip:{made.app_id}@sip.example"
    assert found.sub_account is None
    assert found.resource_uri == f"/v1/Account/{MAIN}/Application/{made.app_id}/"
    changed = client.applications.update(
        made.app_id, answer_url="https://h.example/other", fallback_answer_url="https://h.example/f", answer_method="GET"
    )
    assert changed.message == "changed"
    found = client.applications.get(made.app_id)
    assert (found.answer_url, found.fallback_answer_url, found.answer_method) == (
        "https://h.example/other",
        "https://h.example/f",
        "GET",
    )
    found.delete()
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.applications.get(made.app_id)


def test_lists_are_paged_and_can_be_walked(client: plivo.RestClient, subaccount: Maker) -> None:
    tenant = subaccount()
    made = [tenant.applications.create(f"app-{number:02}").app_id for number in range(45)]
    page = tenant.applications.list(limit=20, offset=20)
    assert [each.app_id for each in page] == made[::-1][20:40]
    assert page.meta.total_count == 45
    assert page.meta.next.endswith("/Application/?limit=20&offset=40")
    assert page.meta.previous.endswith("/Application/?limit=20&offset=0")
    last = tenant.applications.list(limit=20, offset=40)
    assert (len(last.objects), last.meta.next) == (5, None)
    assert [each.app_id for each in tenant.applications] == made[::-1]
    with pytest.raises(exceptions.ValidationError):
        tenant.applications.list(limit=21)


def test_only_one_application_is_the_default(subaccount: Maker) -> None:
    tenant = subaccount()
    first = tenant.applications.create("first", default_endpoint_app=True, default_number_app=True).app_id
    second = tenant.applications.create("second", default_endpoint_app=True).app_id
    assert tenant.applications.get(first).default_endpoint_app is False
    assert tenant.applications.get(first).default_app is True
    endpoint = tenant.endpoints.get(tenant.endpoints.create("desk", "secret", "desk").endpoint_id)
    assert endpoint.application.endswith(f"/Application/{second}/")


def test_endpoints_are_made_read_changed_and_removed(client: plivo.RestClient, node: NodeProcess) -> None:
    app_id = client.applications.create("for endpoints", answer_url="https://h.example/").app_id
    made = client.endpoints.create("zumba", "secret", "my-desk", app_id)
    assert made.message == "created"
    assert made.username.startswith("zumba")
    assert made.username[5:].isdigit()
    assert len(made.username) == 17
    assert len(made.endpoint_id) == 14
    again = client.endpoints.create("zumba", "secret", "my-desk")
    assert again.username != made.username
    found = client.endpoints.get(made.endpoint_id)
    assert (found.alias, found.username, found.sip_registered) == ("my-desk", made.username, "false")
    assert found.application == f"/v1/Account/{MAIN}/Application/{app_id}/"
    assert found.sip_uri == f"sip:{made.username}@sip.example"
    assert client.endpoints.update(made.endpoint_id, alias="other").message == "changed"
    assert client.endpoints.get(made.endpoint_id).alias == "other"
    assert {made.endpoint_id, again.endpoint_id} <= {each.endpoint_id for each in client.endpoints.list()}
    assert made.username in node.command("endpoint", "list")
    client.endpoints.delete(again.endpoint_id)
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.endpoints.get(again.endpoint_id)
    client.applications.delete(app_id)  # with its endpoints, unless told otherwise
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.endpoints.get(made.endpoint_id)


def test_endpoints_of_a_removed_application_can_go_to_another(client: plivo.RestClient) -> None:
    old, new = (client.applications.create(name).app_id for name in ("old", "new"))
    endpoint = client.endpoints.create("heir", "secret", "x", old).endpoint_id
    client.applications.delete(old, cascade=False, new_endpoint_application=new)
    assert client.endpoints.get(endpoint).application.endswith(f"/{new}/")
    client.applications.delete(new, cascade=False)
    assert client.endpoints.get(endpoint).application is None
    client.endpoints.delete(endpoint)


def test_own_numbers_are_added_read_changed_and_given_up(client: plivo.RestClient, node: NodeProcess) -> None:
    app_id = client.applications.create("for numbers", answer_url="https://h.example/").app_id
    client.numbers.create("+14155550111,14155550112", "my carrier", "California", app_id=app_id)
    number = client.numbers.get("14155550111")
    assert (number.number, number.carrier, number.region, number.country) == ("14155550111", "my carrier", "California", "US")
    assert number.application.endswith(f"/{app_id}/")
    assert client.numbers.update("14155550111", alias="front desk").message == "changed"
    assert client.numbers.get("+14155550111").alias == "front desk"
    assert [each.number for each in client.numbers.list(number_startswith="1415555011", alias="front desk")] == ["14155550111"]
    assert client.numbers.list(services="sms").objects == []
    assert "14155550112" in node.command("number", "list")
    client.applications.delete(app_id)
    assert client.numbers.get("14155550111").application is None
    for each in ("14155550111", "14155550112"):
        client.numbers.delete(each)
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.numbers.get("14155550111")


def test_numbers_of_the_pool_are_searched_rented_and_given_back(node: NodeProcess, subaccount: Maker) -> None:
    for number, city in (("+442079460111", "London"), ("+442079460112", "London"), ("+441632960111", "Kesselgate")):
        node.command("pool", "add", number, "--city", city)
    one, other = subaccount(), subaccount()
    found = one.numbers.search("GB", pattern="207")
    assert [each["number"] for each in found["objects"]] == ["442079460111", "442079460112"]
    assert [each["number"] for each in one.numbers.search("GB", city="kesselgate")["objects"]] == ["441632960111"]
    assert one.numbers.search("FR")["objects"] == []
    app_id = one.applications.create("default", default_number_app=True).app_id
    rented = one.numbers.buy("442079460111")
    assert (rented.message, rented.status) == ("created", "fulfilled")
    assert [(each["number"], each["status"]) for each in rented.numbers] == [("442079460111", "Success")]
    assert one.numbers.get("442079460111").application.endswith(f"/{app_id}/")
    assert "442079460111" not in node.command("pool", "list")
    with pytest.raises(exceptions.ResourceNotFoundError):
        other.numbers.buy("442079460111")
    one.numbers.delete("442079460111")
    assert other.numbers.buy("442079460111").message == "created"
    other.numbers.delete("442079460111")


def test_nothing_costs_anything(client: plivo.RestClient) -> None:
    prices = client.pricing.get("US")
    assert (prices.country_code, prices.voice["outbound"]["local"]["rate"]) == (1, "0.00000")
    with pytest.raises(exceptions.ValidationError):
        client.pricing.get("XX")


def test_wrong_credentials_are_an_authentication_error(client: plivo.RestClient) -> None:
    wrong = plivo.RestClient(MAIN, TOKEN[:-1] + "?", timeout=30)
    for ask in (wrong.account.get, wrong.applications.list, wrong.calls.list, wrong.numbers.list):
        with pytest.raises(exceptions.AuthenticationError):
            ask()


def test_errors_of_lists_are_the_exceptions_that_they_should_be(client: plivo.RestClient, subaccount: Maker) -> None:
    with pytest.raises(exceptions.ForbiddenError):
        subaccount().subaccounts.list()
    with pytest.raises(exceptions.ForbiddenError):
        subaccount().numbers.create("14155550177", "mine", "here")
    with pytest.raises(exceptions.ValidationError):
        client.calls.list(end_time__gt="yesterday")


def test_what_lists_and_gets_return_can_be_changed_by_its_own_methods(subaccount: Maker, client: plivo.RestClient) -> None:
    tenant = subaccount()
    app = tenant.applications.get(tenant.applications.create("own", answer_url="https://h.example/").app_id)
    app.update(answer_url="https://h.example/changed")
    assert tenant.applications.get(app.id).answer_url == "https://h.example/changed"
    tenant.endpoints.create("own", "secret", "own")
    (endpoint,) = tenant.endpoints.list()
    endpoint.update(password="another secret", alias="own", app_id=app.id)
    assert tenant.endpoints.get(endpoint.id).application.endswith(f"/{app.id}/")
    client.numbers.create("14155550144", "mine", "here", subaccount=tenant.session.auth[0])
    (number,) = tenant.numbers.list()
    number.update(app_id=app.id, alias="own")
    number = tenant.numbers.get("14155550144")
    assert (number.alias, number.application.endswith(f"/{app.id}/")) == ("own", True)
    own = client.subaccounts.get(tenant.session.auth[0])
    own.update("renamed", True)
    assert tenant.account.get().name == "renamed"
    for each in (number, endpoint, app):
        each.delete()
    assert [len(found.list().objects) for found in (tenant.numbers, tenant.endpoints, tenant.applications)] == [0, 0, 0]


def test_names_of_endpoints_can_be_kept_as_they_are(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN, endpoint_suffix="false")
    try:
        plivo_here.use(f"http://127.0.0.1:{node.http_port}")
        client = plivo.RestClient(MAIN, TOKEN, timeout=30)
        made = client.endpoints.create("bob", "secret", "bob")
        assert made.username == "bob"
        assert client.endpoints.get(made.endpoint_id).sip_uri == f"sip:bob@127.0.0.1:{node.sip_port}"
        with pytest.raises(exceptions.InvalidRequestError, match="bob is taken"):
            client.endpoints.create("bob", "another", "bob")
    finally:
        node.stop()
