"""`headwater serve <part>` five times on an empty folder: one embedded database, and any may die."""

from headwater.postgres import postmaster
from services.kit.clock import SystemClock
from tests.support.gate import until
from tests.support.split import PARTS, split, stack_of
from tests.support.stack import RunningStack, Tenant

BOARD = """query($rep: ID!, $period: Period!) { rep(id: $rep) { name
  funnel(period: $period) { stages { code entered } } } }"""
PERIOD = str(SystemClock().now().year)


def lead(number: int) -> dict[str, object]:
    at = f"{PERIOD}-01-15T09:00:00+08:00"
    return {"deal": f"D-{number}", "at": at, "stage": "lead", "owner": "ann", "amount": "10.00"}


async def shown(stack: RunningStack, acme: Tenant, count: int) -> None:
    """Wait until Ann's board shows that many leads."""
    headers = stack.token("acme", "rep", acme.members["ann"])

    async def is_shown() -> bool:
        found = await stack.query(headers, BOARD, rep=acme.members["ann"], period=PERIOD)
        rep = (found.get("data") or {}).get("rep")
        return bool(rep and rep["funnel"] and rep["funnel"]["stages"][0]["entered"] == count)

    await until(is_shown, 30)


async def test_five_processes_share_an_embedded_database_and_any_may_be_killed() -> None:
    with split({}) as apart:
        await apart.start()
        async with stack_of(apart, "") as stack:
            acme = await stack.tenant("acme")
            for number, killed in enumerate((PARTS[:1], PARTS[1:]), 1):
                answer = await stack.deliver(acme, lead(number))
                assert answer.status_code == 202, answer.text
                for part in killed:
                    apart.parts[part].kill()
                await apart.start(*killed)
                await shown(stack, acme, number)
        for part in PARTS:
            assert apart.parts[part].interrupt() == 0, apart.parts[part].output
            assert "Traceback" not in apart.parts[part].output
        assert postmaster.find(apart.data_dir / "postgres" / "data") is None
