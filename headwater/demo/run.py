"""`headwater demo`: the whole stack, the demo company in it, and a trickle of events."""

import signal
import socket
from pathlib import Path
from typing import Any

import gateway
from headwater.demo.narration import Narration
from headwater.settings import HeadwaterSettings
from services.kit.settings import SettingsInvalid

_REP_BOARD = Path(gateway.__file__).parent / "operations" / "rep_board.graphql"


def demo(settings: HeadwaterSettings, *, reload: bool) -> None:
    """Serve until a signal ends it; `reload` starts again on every change of the code."""
    if reload:
        from headwater.demo import reloading

        reloading.watch(settings)
        return
    if settings.environment == "production" or settings.issuers.strip() != "[]":
        raise SettingsInvalid("the demo hands out development tokens: not with a real issuer")
    _refuse_taken_port(settings)
    with Narration() as narration:
        narration.step(f"Starting the stack; its data are in {settings.data_dir}")
        _serve(settings, narration)


def _serve(settings: HeadwaterSettings, narration: Narration) -> None:
    # Late: the first line should stand before anything heavy is imported. Nothing is open yet, and
    # an interrupted import prints a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from headwater import serving
    from headwater.demo.deals import SEED
    from headwater.demo.doors import Doors
    from headwater.demo.loading import Loader
    from headwater.demo.state import State
    from headwater.demo.state import content as describe
    from headwater.demo.trickle import Sender, Trickle
    from headwater.stack import Stack

    quiet = "log_level" not in settings.model_fields_set
    serving.configure_logging("warning" if quiet else settings.log_level)
    state = State(settings.data_dir)
    state.put_away()
    with serving.opened(settings) as installation:
        narration.step("The database is up")
        keys, clock = installation.keys(), settings.clock()

        async def when_up(stack: Stack) -> None:
            narration.step("Loading the demo company (invented; in Chinese and English)")
            doors = Doors(stack.clients, keys.signer)
            loader = Loader(doors, keys.signer, clock, narration.step, narration.progress)
            loaded = await loader.load()
            secret = loaded.secret or state.secret(loaded.connection) or await loader.new_secret()
            url = f"http://{settings.host}:{settings.port}"
            content = describe(url, loaded, secret, keys.signer, clock.now())
            state.write(content)
            _welcome(narration, content, loaded.deals, settings)
            open_deals = await loader.open_deals()
            sender = Sender(
                url, f"/webhooks/{loaded.connection}", secret, lambda: doors.token("admin")
            )
            await Trickle(sender, clock, open_deals, loaded.history, seed=SEED).run()

        serving.run(serving.serve_all(installation, keys, clock, when_up=when_up))
    narration.say("Stopped. The data stay; the next start is warm.")


def _refuse_taken_port(settings: HeadwaterSettings) -> None:
    """Before anything is touched: a running demo's state must stay as it is."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as fault:
            raise SettingsInvalid(
                f"port {settings.port} cannot be used ({fault.strerror}): stop what listens there, "
                f"or choose another, as in `make demo PORT={settings.port + 1}`"
            ) from None


def _welcome(
    narration: Narration, content: dict[str, Any], deals: int, settings: HeadwaterSettings
) -> None:
    url, say = content["url"], narration.say
    narration.step(f"Ready: {deals:,} deals of 18 months, and a new event every few seconds")
    say()
    say(f"  GraphQL    {url}/graphql  (in a browser: GraphiQL)")
    for service in ("targets", "customers", "incentives", "kpi"):
        say(f"  {service:10} {url}/{service}/v1/docs")
    say(f"  all of it  {settings.data_dir / 'demo.json'}")
    say()
    say("Tokens, valid for 30 days, each on one line:")
    for role, token in content["tokens"].items():
        say(f"  {role:16} {token}")
    say()
    say("A rep's board: targets, funnel, customers, pay, alerts and tasks in one query:")
    say(_curl(content))
    say()
    say("Ctrl-C stops everything.")


def _curl(content: dict[str, Any]) -> str:
    import json

    lines = _REP_BOARD.read_text().splitlines()
    query = " ".join(line.strip() for line in lines if not line.startswith("#"))
    body = {"query": query, "variables": {"rep": content["rep"], "period": content["period"]}}
    return (
        f"curl -s {content['url']}/graphql -H 'content-type: application/json' "
        f"-H 'authorization: Bearer {content['tokens']['rep']}' -d '{json.dumps(body)}'"
    )
