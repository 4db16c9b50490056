"""``offhook trunk``: the carriers that calls come from and go to."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import replace
from typing import Annotated

import typer

from offhook.cli import tables
from offhook.cli.directory import Config, Data, main_account, with_store
from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.records import Trunk
from offhook.settings import CODECS, Settings, load
from offhook.sip import NameAddr, Secret, SipParseError, Stack, Tls, TlsFiles, Uri, trunking
from offhook.store import Store

trunks = typer.Typer(help="Trunks: carriers, and other SIP servers that calls come from and go to.", no_args_is_help=True)
KINDS = ("sip", "whatsapp")
WHATSAPP = {"transport": "tls", "codecs": ("opus",), "srtp": "required"}
TEST_S = 12.0


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(trunks, name="trunk")


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _one_of(value: str | None, allowed: tuple[str, ...], option: str) -> str | None:
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}", param_hint=option)
    return value


def _networks(text: str | None) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(word, strict=False)) for word in _words(text))
    except ValueError as error:
        raise typer.BadParameter(
            f"{error}; give addresses or networks, 198.51.100.7,203.0.113.0/24", param_hint="--from"
        ) from None


def _codecs(text: str | None) -> tuple[str, ...]:
    known = {name.lower(): name for name in CODECS}
    for word in _words(text):
        if word.lower() not in known:
            raise typer.BadParameter(f"{word!r} is none of {', '.join(CODECS)}", param_hint="--codecs")
    return tuple(known[word.lower()] for word in _words(text))


def _prefixes(text: str | None) -> tuple[str, ...]:
    found = tuple(word.lstrip("+") for word in _words(text))
    if not all(word.isdigit() for word in found if word):
        raise typer.BadParameter("prefixes are digits with country code: 1,44,4915", param_hint="--prefixes")
    return found or ("",)


def _number_format(text: str) -> str:
    text = text if text in {"e164", "plain"} else text.upper()
    if text not in {"e164", "plain"} and not (len(text) == 2 and text.isalpha()):
        raise typer.BadParameter("must be e164, plain, or a country as GB for its national form", param_hint="--number-format")
    return text


@trunks.command("add")
def add(
    name: str,
    host: Annotated[str, typer.Option(help="Its domain or address, with :port where that is special.")],
    kind: Annotated[str, typer.Option(help="sip, or whatsapp: TLS, Opus and SRTP, with a user name and password.")] = "sip",
    transport: Annotated[str | None, typer.Option(help="udp, tcp or tls; else as DNS says.")] = None,
    proxy: Annotated[str | None, typer.Option(help="A SIP URI that requests go by.")] = None,
    username: Annotated[str | None, typer.Option(help="Who we are there.")] = None,
    password: Annotated[str | None, typer.Option(envvar="OFFHOOK_TRUNK_PASSWORD", help="Asked for with a user name.")] = None,
    register_: Annotated[bool, typer.Option("--register", help="Register there, so that it finds us.")] = False,
    from_: Annotated[str | None, typer.Option("--from", help="Addresses and networks that its calls come from.")] = None,
    inbound_username: Annotated[str | None, typer.Option(help="It may prove itself by digest with this name.")] = None,
    inbound_password: Annotated[str | None, typer.Option(help="And this password.")] = None,
    app: Annotated[str | None, typer.Option(help="The application for its calls to numbers that have none.")] = None,
    prefixes: Annotated[str | None, typer.Option(help="Of the numbers it takes: 1,44. The longest that fits wins.")] = None,
    priority: Annotated[int, typer.Option(help="The lowest is tried first.")] = 0,
    weight: Annotated[int, typer.Option(min=0, help="Its share among those of the same priority.")] = 1,
    max_calls: Annotated[int | None, typer.Option(min=1, help="Calls at a time.")] = None,
    max_calls_per_second: Annotated[float | None, typer.Option(min=0.01, help="New calls a second.")] = None,
    number_format: Annotated[str, typer.Option(help="e164 (+1415…), plain (1415…), or a country: its national form.")] = "e164",
    codecs: Annotated[str | None, typer.Option(help="In order, PCMA,PCMU; else the node's.")] = None,
    srtp: Annotated[str | None, typer.Option(help="off, optional or required; else as the node.")] = None,
    options_s: Annotated[float, typer.Option(min=0, max=3600, help="How often it is asked whether it lives; 0: never.")] = 30.0,
    config: Config = None,
    data: Data = None,
) -> None:
    """Add a trunk, or replace the one of that name. A running node uses it within two seconds."""
    if username is not None and password is None:
        password = typer.prompt("Password", hide_input=True)
    if register_ and username is None:
        raise typer.BadParameter("to register takes a --username", param_hint="--register")
    if (inbound_username is None) != (inbound_password is None):
        raise typer.BadParameter("--inbound-username and --inbound-password go together")
    settings = load(file=config, flags={"data": data})
    secret = Secret.of(inbound_username, settings.sip_realm, inbound_password) if inbound_username and inbound_password else None
    trunk = Trunk(
        name=name,
        auth_id="",
        host=host,
        kind=_one_of(kind, KINDS, "--kind") or "sip",
        transport=_one_of(transport, ("udp", "tcp", "tls"), "--transport"),
        proxy=proxy,
        username=username,
        password=password,
        register=register_,
        addresses=_networks(from_),
        inbound_username=inbound_username,
        inbound_md5=secret.md5 if secret else None,
        inbound_sha256=secret.sha256 if secret else None,
        app_id=app,
        prefixes=_prefixes(prefixes),
        priority=priority,
        weight=weight,
        max_calls=max_calls,
        max_calls_per_second=max_calls_per_second,
        number_format=_number_format(number_format),
        codecs=_codecs(codecs),
        srtp=_one_of(srtp, ("off", "optional", "required"), "--srtp"),
        options_s=options_s,
    )
    trunk = _as_its_kind_wants(trunk)
    _check(trunk)

    async def work(store: Store) -> None:
        if app is not None and await store.application(app) is None:
            raise SettingsError(f"there is no application {app}; 'offhook app list' shows them")
        await store.telephony.set_trunk(replace(trunk, auth_id=await main_account(store)))

    with_store(work, config, data)


def _as_its_kind_wants(trunk: Trunk) -> Trunk:
    """WhatsApp's business calls come and go by TLS with digest, Opus and SRTP, and by nothing else."""
    if trunk.kind != "whatsapp":
        return trunk
    if trunk.username is None and trunk.inbound_username is None:
        raise typer.BadParameter("a whatsapp trunk needs --username and --password", param_hint="--kind")
    for field, wanted in WHATSAPP.items():
        if getattr(trunk, field) not in {None, (), wanted}:
            raise typer.BadParameter(f"a whatsapp trunk has {field} {wanted}, and no other", param_hint="--kind")
    return replace(trunk, transport="tls", codecs=("opus",), srtp="required")


def _check(trunk: Trunk) -> None:
    """What a call would stumble over, said now."""
    try:
        trunking.target(trunk, "14155550100")
        trunking.way(trunk)
    except SipParseError as error:
        raise typer.BadParameter(f"--host or --proxy cannot be used: {error}") from None


@trunks.command("list")
def list_trunks(config: Config = None, data: Data = None) -> None:
    """List the trunks."""
    rows = []
    for each in with_store(lambda store: store.telephony.trunks(), config, data):
        who = f"{each.username}{' (registers)' if each.register else ''}" if each.username else "its address"
        numbers = ", ".join(prefix or "all" for prefix in each.prefixes)
        sources = ", ".join(each.addresses) or each.inbound_username or "–"
        priority, app = f"{each.priority}/{each.weight}", each.app_id or "–"
        rows.append((each.name, each.host, each.transport or "–", who, numbers, priority, sources, app))
    tables.show(("name", "host", "by", "as", "numbers", "priority", "calls from", "application"), rows)


@trunks.command("test")
def test(name: str, config: Config = None, data: Data = None) -> None:
    """Ask a trunk whether it lives (OPTIONS), by the way that calls go; exit status 1 when it does not answer."""
    found = {each.name: each for each in with_store(lambda store: store.telephony.trunks(), config, data)}
    if name not in found:
        raise SettingsError(f"there is no trunk {name}; 'offhook trunk list' shows them")
    settings = load(file=config, flags={"data": data})
    alive, why, took_ms = asyncio.run(ask(found[name], settings))
    if not alive:
        typer.echo(f"{name}: {why}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{name}: answers after {took_ms:.0f} ms")


async def ask(trunk: Trunk, settings: Settings) -> tuple[bool, str, float]:
    """Send OPTIONS from a port of our own. Returns whether there was an answer, why not, and how long it took, ms."""
    clock = Clock()
    tls = Tls(TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_authorities, settings.tls_verify))
    stack = Stack(
        host=settings.sip.host,
        port=0,
        ids=Ids(),
        clock=clock,
        on_invite=lambda invite: invite.refuse(486),
        tls=tls,
        public_host=settings.public_address.default,
        public_networks=settings.public_address.networks,
    )
    await stack.start()
    try:
        bare = trunking.target(trunk, "")
        server = stack.correspondence(
            replace(bare, user=None),
            sender=NameAddr(Uri(host=stack.advertised_host(bare.host), user=trunk.username or "ping")),
            credentials=trunking.credentials(trunk),
            route=trunking.way(trunk),
            transport=trunk.transport,
        )
        began = clock.now()
        try:
            async with asyncio.timeout(TEST_S):
                alive, why = await trunking.asks(server)
        except TimeoutError:
            alive, why = False, f"no answer to OPTIONS within {TEST_S:g} s"
        return alive, why, (clock.now() - began) * 1000
    finally:
        await stack.aclose()


@trunks.command("remove")
def remove(name: str, config: Config = None, data: Data = None) -> None:
    """Remove a trunk; its running calls go on."""

    async def work(store: Store) -> None:
        if name not in {each.name for each in await store.telephony.trunks()}:
            raise SettingsError(f"there is no trunk {name}; 'offhook trunk list' shows them")
        await store.telephony.remove_trunk(name)

    with_store(work, config, data)
